"""BMP and DIB files of every header, depth, compression and mask, with odd palettes and damages."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from common import HEIGHT, WIDTH, File

MASKS_32 = [(0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0), (0xFF000000, 0xFF00, 0xFF, 0),
            (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000, 0xFF000000), (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
            (0xFF000000, 0xFF00, 0xFF, 0xFF0000), (0, 0, 0, 0), (0x3FF00000, 0xFFC00, 0x3FF, 0)]
MASKS_16 = [(0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F), (0xF00, 0xF0, 0xF)]
RLE8, RLE4, BITFIELDS = 1, 2, 3
rng = np.random.default_rng(6)


def noise(count: int) -> bytes:
    return rng.integers(0, 256, count, dtype=np.uint8).tobytes()


def stride(width: int, bits: int) -> int:
    return (width * bits + 31 >> 3) & ~3


def bmp(bits: int, compression: int = 0, size: int = 40, width: int = WIDTH, height: int = HEIGHT, palette: bytes | None = None, colours: int = 0,
        masks: tuple[int, ...] = (), data: bytes | None = None, offset: int | None = None, down: bool = False, gap: bytes = b'', dib: bool = False) -> bytes:
    if palette is None and bits <= 8:
        palette = noise((3 if size == 12 else 4) * (colours or 2 ** bits))
    if data is None:
        data = noise(stride(width, bits) * height)
    if size == 12:
        header = struct.pack('<IHHHH', 12, width, height, 1, bits)
    else:
        header = struct.pack('<IiiHHIIiiII', size, width, -height if down else height, 1, bits, compression, len(data), 2835, 2835, colours, 0)
        packed = struct.pack(f'<{len(masks)}I', *masks)
        header = (header + packed[:{52: 12}.get(size, 16)]).ljust(size, b'\0') if size > 40 else header + packed[:12]
    start = (0 if dib else 14) + len(header) + len(palette or b'') + len(gap)
    file = b'' if dib else b'BM' + struct.pack('<IHHI', start + len(data), 0, 0, start if offset is None else offset)
    return file + header + (palette or b'') + gap + data


def files() -> Iterator[File]:
    for name, data in [*_headers(), *_sizes(), *_palettes(), *_runs(), *_odd()]:
        yield f'bmp-{name}.{"dib" if name.startswith("dib") else "bmp"}', data


def _headers() -> Iterator[File]:
    for down in (False, True):
        for size in (40, 52, 56, 64, 108, 124):
            kind = f'{size}{"-down" if down else ""}'
            for bits in (1, 4, 8, 16, 24, 32):
                yield f'{kind}-{bits}bit', bmp(bits, size=size, down=down)
            for index, masks in enumerate(MASKS_16):
                yield f'{kind}-16bit-masks{index}', bmp(16, BITFIELDS, size, masks=masks, down=down)
            for index, masks in enumerate(MASKS_32):
                yield f'{kind}-32bit-masks{index}', bmp(32, BITFIELDS, size, masks=masks, down=down)
            yield f'{kind}-24bit-masks', bmp(24, BITFIELDS, size, masks=MASKS_32[0], down=down)
    for bits in (1, 4, 8, 16, 24, 32):
        yield f'12-{bits}bit', bmp(bits, size=12)
        yield f'dib-{bits}bit', bmp(bits, dib=True)
    yield 'dib-12', bmp(24, size=12, dib=True)
    yield 'dib-masks', bmp(16, BITFIELDS, masks=MASKS_16[0], dib=True)


def _sizes() -> Iterator[File]:
    for bits in (1, 4, 8, 16, 24, 32):
        for width in (1, 2, 3, 5, 7, 8, 9, 17):
            yield f'width{width}-{bits}bit', bmp(bits, width=width, height=3)
        whole = stride(WIDTH, bits) * HEIGHT
        for less in sorted({1, 2, 3, 4, stride(WIDTH, bits)}):
            yield f'cut{less}-{bits}bit', bmp(bits, data=noise(whole - less))


def _palettes() -> Iterator[File]:
    gray = lambda count: bytes(value for index in range(count) for value in (index, index, index, 0))
    black_white = bytes([0, 0, 0, 0, 255, 255, 255, 0])
    for bits in (1, 4, 8):
        yield f'gray-{bits}bit', bmp(bits, palette=gray(2 ** bits))
        yield f'black-white-{bits}bit', bmp(bits, palette=black_white, colours=2)
        yield f'white-black-{bits}bit', bmp(bits, palette=black_white[4:] + black_white[:4], colours=2)
    yield 'gray-16-of-8bit', bmp(8, palette=gray(16), colours=16)
    yield 'gray-1-of-1bit', bmp(1, palette=gray(1), colours=1)
    yield 'black-white-12', bmp(1, size=12, palette=bytes([0, 0, 0, 255, 255, 255]))
    for colours in (1, 3, 100, 255, 257, 65536, 65537):
        yield f'colours{colours}', bmp(8, colours=colours)


def runs(bits: int, kind: str) -> bytes:
    """Run lengths of a picture: runs, literals, both, jumps."""
    out = bytearray()
    for _ in range(HEIGHT):
        left = WIDTH
        while left > 0:
            count = min(int(rng.integers(1, 12)), left)
            if kind != 'runs' and count >= 3 and rng.random() < 0.6:
                size = count if bits == 8 else (count + 1) // 2
                out += bytes([0, count]) + noise(size) + b'\0' * (size % 2)
            elif kind == 'jumps' and rng.random() < 0.3:
                out += bytes([0, 2, min(2, left), int(rng.integers(0, 2))])
            else:
                out += bytes([count + (3 if kind == 'long' else 0)]) + noise(1)
            left -= count
        out += b'\0\0'
    return bytes(out) + b'\0\1'


def _runs() -> Iterator[File]:
    for bits, compression in ((4, RLE4), (8, RLE8)):
        for kind in ('runs', 'both', 'jumps', 'long'):
            for index in range(3):
                yield f'rle{bits}-{kind}{index}', bmp(bits, compression, data=runs(bits, kind), down=index == 1)
        data = runs(bits, 'both')
        for name, part in {'no-end': data[:-2], 'no-lines': data.replace(b'\0\0', b''), 'early': data[:len(data) // 2] + b'\0\1', 'cut': data[:len(data) // 2]}.items():
            yield f'rle{bits}-{name}', bmp(bits, compression, data=part)
        yield f'rle{bits}-odd-offset', bmp(bits, compression, data=data, gap=b'x')
        yield f'rle{bits}-other-depth', bmp(bits, RLE4 + RLE8 - compression, data=data)
        for index in range(8):
            high = 6 if index % 2 else 256
            yield f'rle{bits}-noise{index}', bmp(bits, compression, data=rng.integers(0, high, 900, dtype=np.uint8).tobytes())


def _odd() -> Iterator[File]:
    yield 'offset-0', bmp(24, offset=0)
    yield 'offset-of-palette', bmp(8, offset=54)
    yield 'gap', bmp(24, gap=b'x' * 10)
    yield 'no-width', bmp(24, width=0)
    yield 'no-height', bmp(24, height=0)
    yield 'negative-width', bmp(24, width=-5, data=bytes(400))
    yield 'huge', bmp(24, width=60000, height=60000, data=b'abc')
    for bits in (2, 64):
        yield f'{bits}bit', bmp(bits, palette=noise(16))
    for bits, compression in ((24, 4), (32, 6), (24, RLE4), (16, RLE8), (8, BITFIELDS)):
        yield f'{bits}bit-compression{compression}', bmp(bits, compression, masks=(1, 2, 4, 0))
    yield 'header-13', bmp(24).replace(struct.pack('<I', 40), struct.pack('<I', 13), 1)
