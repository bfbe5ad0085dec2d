"""GIF files that Pillow does not write: frames beside the canvas, palettes of all kinds, odd codes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np

from common import HEIGHT, WIDTH, File

Box = tuple[int, int, int, int]
FULL: Box = (0, 0, WIDTH, HEIGHT)
PART: Box = (3, 2, 11, 7)
rng = np.random.default_rng(5)


def compressed(indices: Sequence[int], bits: int) -> bytes:
    """LZW codes that never grow: the table is cleared in time."""
    clear, size, out, pending, count = 1 << bits, bits + 1, bytearray(), 0, 0
    codes = [clear]
    for at, index in enumerate(indices, 1):
        codes.append(int(index))
        if at % (clear - 2 or 1) == 0:
            codes.append(clear)
    for code in [*codes, clear + 1]:
        pending |= code << count
        count += size
        while count >= 8:
            out.append(pending & 255)
            pending >>= 8
            count -= 8
    if count:
        out.append(pending & 255)
    blocks = [bytes(out[at:at + 255]) for at in range(0, len(out), 255)]
    return bytes([bits]) + b''.join(bytes([len(block)]) + block for block in blocks) + b'\0'


def palette(colours: int) -> bytes:
    return rng.integers(0, 256, 3 * colours, dtype=np.uint8).tobytes()


def ramp(colours: int) -> bytes:
    return bytes(value for index in range(colours) for value in (index, index, index))


def flags(colours: bytes | None) -> int:
    return 0 if colours is None else 0x80 | (len(colours) // 3).bit_length() - 2


def frame(box: Box, bits: int = 3, local: bytes | None = None, transparent: int | None = None, disposal: int = 0,
          interlaced: bool = False, indices: Sequence[int] | None = None, cut: int | None = None) -> bytes:
    out = b''
    if transparent is not None:
        out += b'!\xf9\4' + bytes([1 | disposal << 2, 0, 0, transparent]) + b'\0'
    out += b',' + struct.pack('<4H', *box) + bytes([flags(local) | 0x40 * interlaced]) + (local or b'')
    if indices is None:
        indices = rng.integers(0, 2 ** bits, box[2] * box[3])
    return out + compressed(indices, bits)[:cut]


def gif(*frames: bytes, colours: bytes | None = None, background: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT),
        version: bytes = b'GIF89a', end: bytes = b';') -> bytes:
    screen = struct.pack('<HH', *size) + bytes([flags(colours) | 0x70, background, 0])
    return version + screen + (colours or b'') + b''.join(frames) + end


def files() -> Iterator[File]:
    for name, data in [*_palettes(), *_places(), *_data(), *_extensions()]:
        yield f'gif-{name}.gif', data


def _palettes() -> Iterator[File]:
    one, two = palette(8), palette(8)
    globals_ = {'global': one, 'none': None, 'ramp': ramp(8), 'short': palette(4), 'ramp256': ramp(256)}
    locals_ = {'': None, '-local': two, '-local-ramp': ramp(8), '-local-short': palette(4)}
    for name, colours in globals_.items():
        for more, local in locals_.items():
            for box, place in ((FULL, ''), (PART, '-part')):
                for transparent in (None, 3, 200):
                    kind = f'{name}{more}{place}{"" if transparent is None else f"-t{transparent}"}'
                    yield kind, gif(frame(box, local=local, transparent=transparent), colours=colours, background=5)
    yield 'eight-bits-no-palette', gif(frame(FULL, bits=8))


def _places() -> Iterator[File]:
    colours = palette(8)
    for name, box in {'larger': (0, 0, WIDTH + 9, HEIGHT + 5), 'outside': (5, 6, WIDTH, HEIGHT), 'far': (90, 80, 4, 4), 'empty': (0, 0, 0, 5)}.items():
        for transparent in (None, 1):
            yield f'{name}{"" if transparent is None else "-t"}', gif(frame(box, transparent=transparent), colours=colours)
    for box in (FULL, PART, (0, 0, WIDTH, 1), (0, 0, WIDTH, 2), (0, 0, WIDTH, 5)):
        yield f'interlaced-{box[3]}', gif(frame(box, interlaced=True), colours=colours)
    yield 'no-size', gif(frame(FULL), colours=colours, size=(0, 0))
    yield 'huge', gif(frame((0, 0, 3, 3)), colours=colours, size=(65535, 65535))
    yield 'huge-frame', gif(frame((65000, 65000, 500, 500), indices=[1]), colours=colours)
    yield 'two-frames', gif(frame(PART, transparent=1, disposal=2), frame(FULL, local=palette(8)), colours=colours)


def _data() -> Iterator[File]:
    colours = palette(8)
    yield 'cut', gif(frame(FULL, cut=60), colours=colours, end=b'')
    yield 'few', gif(frame(FULL, indices=[1] * 40), colours=colours)
    yield 'many', gif(frame(FULL, indices=[1, 2] * 400), colours=colours)
    yield 'no-frame', gif(colours=colours)
    yield 'no-end', gif(frame(FULL), colours=colours, end=b'')
    yield 'version-87', gif(frame(FULL), colours=colours, version=b'GIF87a')
    for bits in range(2, 9):
        yield f'bits-{bits}', gif(frame(FULL, bits=bits), colours=palette(2 ** bits))
    for bits in (0, 1, 9, 12, 13, 255):
        whole = frame(FULL)
        at = whole.index(bytes([3]), 10)
        yield f'bits-said-{bits}', gif(whole[:at] + bytes([bits]) + whole[at + 1:], colours=colours)


def _extensions() -> Iterator[File]:
    colours, picture = palette(8), frame(FULL, transparent=2)
    for name, data in {'comment': b'!\xfe\3abc\0', 'comment-empty': b'!\xfe\0', 'empty': b'!\xff\0', 'loop': b'!\xff\x0bNETSCAPE2.0\3\1\0\0\0',
                       'unknown': b'!\x77\2ab\1c\0', 'junk': b'junk', 'control-short': b'!\xf9\1\1\0', 'control-twice': b'!\xf9\4\1\0\0\5\0'}.items():
        yield f'extension-{name}', gif(data, picture, colours=colours)
