"""Images as Pillow writes them: every mode in every format, every option of the formats that are read."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, ImageCms

from common import LARGER, MODES, PHOTO, File, cut, in_mode, named, saved

READ = {'PNG': 'png', 'JPEG': 'jpg', 'WEBP': 'webp', 'GIF': 'gif', 'TIFF': 'tif', 'AVIF': 'avif', 'BMP': 'bmp', 'DIB': 'dib', 'PPM': 'pnm'}
OTHERS = {'ICO': 'ico', 'TGA': 'tga', 'JPEG2000': 'jp2', 'PCX': 'pcx', 'SGI': 'sgi', 'QOI': 'qoi', 'DDS': 'dds', 'ICNS': 'icns', 'IM': 'im', 'MSP': 'msp', 'XBM': 'xbm'}
COMPRESSIONS = ['tiff_lzw', 'tiff_adobe_deflate', 'tiff_deflate', 'packbits', 'zstd', 'lzma']
# The kinds that take some modes only: libtiff's encoders write past their memory for others.
OF_MODES = {'jpeg': ('L', 'RGB', 'CMYK', 'YCbCr', 'LAB'), 'group3': ('1',), 'group4': ('1',), 'tiff_ccitt': ('1',)}


def files() -> Iterator[File]:
    yield from named(_modes())
    yield from named(_jpeg())
    yield from named(_profiles_and_orientation())
    yield from named(_png_and_gif())
    yield from named(_webp_and_avif())
    yield from named(_tiff())
    yield from _cut()


def _modes():
    for mode in MODES:
        for format, ending in {**READ, **OTHERS}.items():
            yield f'mode-{mode}.{ending}', saved(in_mode(mode), format)


def _jpeg():
    for sampling in ('4:4:4', '4:2:2', '4:2:0', '4:1:1', '4:4:0'):
        for progressive in (False, True):
            kind = f'{sampling}{"-progressive" if progressive else ""}'.replace(':', '')
            yield f'jpeg-{kind}.jpg', saved(LARGER, 'JPEG', subsampling=sampling, progressive=progressive)
    for name, options in {'rgb': {'keep_rgb': True}, 'restarts': {'restart_marker_blocks': 2}, 'q1': {'quality': 1}, 'q100': {'quality': 100}}.items():
        yield f'jpeg-{name}.jpg', saved(LARGER, 'JPEG', **options)
    yield 'jpeg-two.mpo', saved(PHOTO, 'MPO', save_all=True, append_images=[PHOTO.rotate(180)])


def _profiles_and_orientation():
    profiles = {name: ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes() for name in ('sRGB', 'LAB', 'XYZ')}
    for format in ('JPEG', 'PNG', 'WEBP', 'TIFF', 'AVIF'):
        ending = READ[format]
        for name, profile in {**profiles, 'junk': b'junk' * 40}.items():
            yield f'profile-{name}.{ending}', saved(PHOTO, format, icc_profile=profile)
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = orientation
            yield f'orientation-{orientation}.{ending}', saved(PHOTO, format, exif=exif)


def _png_and_gif():
    for mode in ('1', 'L', 'I;16', 'RGB', 'P'):
        for name, colour in {'0': 0, 'rgb': (0, 0, 0), 'bytes': b'\0\x10\x80', '255': 255}.items():
            yield f'transparent-{mode}-{name}.png', saved(in_mode(mode), 'PNG', transparency=colour)
    for bits in (1, 2, 4):
        yield f'palette-{bits}.png', saved(PHOTO.quantize(2 ** bits), 'PNG', bits=bits)
    turned = PHOTO.rotate(180)
    for name, options in {'': {}, '-default': {'default_image': True}}.items():
        yield f'animated{name}.png', saved(PHOTO, 'PNG', save_all=True, append_images=[turned], **options)
    small = PHOTO.quantize(16)
    for name, options in {'transparent': {'transparency': 3}, 'interlaced': {'interlace': 1}, 'plain': {'interlace': 0}, 'background': {'background': 4}}.items():
        yield f'{name}.gif', saved(small, 'GIF', **options)
    yield 'animated.gif', saved(small, 'GIF', save_all=True, append_images=[turned.quantize(8)], transparency=2, disposal=2)
    yield 'gray-transparent.gif', saved(in_mode('L'), 'GIF', transparency=30)
    yield 'larger.gif', saved(LARGER.resize((150, 100)).quantize(256), 'GIF')


def _webp_and_avif():
    turned = PHOTO.rotate(180)
    for name, options in {'lossless': {'lossless': True}, 'q1': {'quality': 1}, 'q100': {'quality': 100}, 'exact': {'lossless': True, 'exact': True}}.items():
        for mode in ('RGB', 'RGBA'):
            yield f'{name}-{mode}.webp', saved(in_mode(mode), 'WEBP', **options)
            yield f'{name}-{mode}-animated.webp', saved(in_mode(mode), 'WEBP', save_all=True, append_images=[turned], **options)
    for sampling in ('4:4:4', '4:2:2', '4:2:0', '4:0:0'):
        for extent in ('full', 'limited'):
            yield f'{sampling}-{extent}.avif'.replace(':', ''), saved(PHOTO, 'AVIF', subsampling=sampling, range=extent)
    yield 'animated.avif', saved(PHOTO, 'AVIF', save_all=True, append_images=[turned])
    yield 'premultiplied.avif', saved(in_mode('RGBA'), 'AVIF', alpha_premultiplied=True)


def _tiff():
    for mode in MODES:
        for compression in COMPRESSIONS:
            yield f'{compression}-{mode}.tif', saved(in_mode(mode), 'TIFF', compression=compression)
    for compression, modes in OF_MODES.items():
        for mode in modes:
            yield f'{compression}-{mode}.tif', saved(in_mode(mode, LARGER), 'TIFF', compression=compression)
    for mode in ('1', 'L', 'P', 'RGB', 'RGBA', 'I;16', 'CMYK', 'F'):
        yield f'big-{mode}.tif', saved(in_mode(mode), 'TIFF', big_tiff=True)
        for orientation in range(1, 9):
            compression = 'tiff_lzw' if orientation % 2 else None
            yield f'turned-{orientation}-{mode}.tif', saved(in_mode(mode), 'TIFF', tiffinfo={274: orientation}, compression=compression)
    yield 'pages.tif', saved(PHOTO, 'TIFF', save_all=True, append_images=[PHOTO.rotate(180)])
    yield 'strips.tif', saved(PHOTO, 'TIFF', tiffinfo={278: 5}, compression='tiff_lzw')


def _cut() -> Iterator[File]:
    for format, ending in READ.items():
        data = saved(in_mode('P') if format == 'GIF' else LARGER, format)
        for place, part in cut(data or b''):
            yield f'cut-{place}.{ending}', part
