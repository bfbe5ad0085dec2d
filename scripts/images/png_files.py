"""PNG files that Pillow does not write: every depth and colour type, interlaced, with transparent colours and odd chunks."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from common import HEIGHT, WIDTH, File

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
rng = np.random.default_rng(3)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def rows(samples: np.ndarray, depth: int) -> bytes:
    """Packed rows, each with filter 0."""
    flat = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        packed = flat.astype('>u2').view(np.uint8)
    elif depth == 8:
        packed = flat.astype(np.uint8)
    else:
        bits = np.unpackbits(flat.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - depth:]
        packed = np.packbits(bits.reshape(flat.shape[0], -1), axis=1)
    return b''.join(b'\0' + row.tobytes() for row in packed)


def png(samples: np.ndarray, depth: int, colour: int, before: bytes = b'', interlaced: bool = False) -> bytes:
    header = struct.pack('>IIBBBBB', samples.shape[1], samples.shape[0], depth, colour, 0, 0, interlaced)
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    data = b''.join(rows(part, depth) for part in passes if part.size)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + before + chunk(b'IDAT', zlib.compress(data)) + chunk(b'IEND', b'')


def samples_of(colour: int, depth: int) -> np.ndarray:
    return rng.integers(0, 2 ** depth, (HEIGHT, WIDTH, CHANNELS[colour]))


def palette(colours: int) -> bytes:
    return chunk(b'PLTE', rng.integers(0, 256, 3 * colours, dtype=np.uint8).tobytes())


def files() -> Iterator[File]:
    for colour, depths in DEPTHS.items():
        for depth in depths:
            samples = samples_of(colour, depth)
            before = palette(2 ** depth) if colour == 3 else b''
            first = [int(value) for value in samples[0, 0]]
            keys = {0: struct.pack('>H', first[0]), 2: struct.pack(f'>{len(first)}H', *first), 3: b'\0\x10\xff'}
            for interlaced in (False, True):
                name = f'png-type{colour}-{depth}bit{"-interlaced" if interlaced else ""}'
                yield f'{name}.png', png(samples, depth, colour, before, interlaced)
                if colour in keys:
                    yield f'{name}-trns.png', png(samples, depth, colour, before + chunk(b'tRNS', keys[colour]), interlaced)
    yield from _odd()


def _odd() -> Iterator[File]:
    rgb, indices = samples_of(2, 8), samples_of(3, 8)
    yield 'png-palette-short.png', png(indices, 8, 3, palette(10))
    yield 'png-palette-none.png', png(indices, 8, 3)
    yield 'png-palette-beside-rgb.png', png(rgb, 8, 2, palette(256))
    for name, kind, data in (
        ('gamma', b'gAMA', struct.pack('>I', 22727)),
        ('gamma-1', b'gAMA', struct.pack('>I', 100000)),
        ('chromaticity', b'cHRM', struct.pack('>8I', 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        ('srgb', b'sRGB', b'\0'),
        ('background', b'bKGD', b'\0\x80\0\0\0\0'),
        ('significant-bits', b'sBIT', b'\5\5\5'),
        ('cicp', b'cICP', b'\x09\x10\0\1'),
        ('unknown', b'noNe', b'?'),
    ):
        yield f'png-{name}.png', png(rgb, 8, 2, chunk(kind, data))
    yield from _broken(png(rgb, 8, 2), png(indices, 8, 3, palette(256)))


def _broken(rgb: bytes, indexed: bytes) -> Iterator[File]:
    """Chunks doubled, left out, in the wrong order, too long or short, with right checksums."""
    for kind, whole in (('rgb', rgb), ('indexed', indexed)):
        chunks = list(_chunks(whole))
        for index, (name, data) in enumerate(chunks):
            label = f'png-{kind}-{name.decode().lower()}'
            before, after = chunks[:index], chunks[index + 1:]
            yield f'{label}-missing.png', _file([*before, *after])
            yield f'{label}-twice.png', _file([*before, (name, data), (name, data), *after])
            yield f'{label}-short.png', _file([*before, (name, data[:-1]), *after])
            yield f'{label}-long.png', _file([*before, (name, data + b'\0'), *after])
            yield f'{label}-first.png', _file([(name, data), *before, *after])
            yield f'{label}-bad-sum.png', whole.replace(chunk(name, data), chunk(name, data)[:-1] + b'?')
        at = next(index for index, (name, _) in enumerate(chunks) if name == b'IDAT')
        data = zlib.decompress(chunks[at][1])
        for name, changed in {'filter': b'\x07' + data[1:], 'few-rows': data[:len(data) // 2], 'more-rows': data * 2, 'empty': b''}.items():
            yield f'png-{kind}-data-{name}.png', _file([*chunks[:at], (b'IDAT', zlib.compress(changed)), *chunks[at + 1:]])
        packed = chunks[at][1]
        for name, parts in {'split': [packed[:5], b'', packed[5:]], 'apart': [packed[:5], None, packed[5:]], 'checksum': [packed[:-4] + b'????'], 'plain': [data]}.items():
            pieces = [(b'IDAT', part) if part is not None else (b'noNe', b'') for part in parts]
            yield f'png-{kind}-data-{name}.png', _file([*chunks[:at], *pieces, *chunks[at + 1:]])
        for name, more in {'critical': (b'NOnE', b'?'), 'animation': (b'acTL', bytes(8)), 'text': (b'tEXt', b'a\0b'), 'trns': (b'tRNS', b'\0' * 6)}.items():
            yield f'png-{kind}-before-{name}.png', _file([*chunks[:at], more, *chunks[at:]])
            yield f'png-{kind}-after-{name}.png', _file([*chunks[:at + 1], more, *chunks[at + 1:]])
        yield f'png-{kind}-trailing.png', whole + b'trailing'


def _chunks(whole: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(whole):
        length = struct.unpack('>I', whole[at:at + 4])[0]
        yield whole[at + 4:at + 8], whole[at + 8:at + 8 + length]
        at += length + 12


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunk(name, data) for name, data in chunks)
