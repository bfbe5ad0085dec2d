"""TIFF files of every layout, written byte by byte: depths, extra samples, planes, tiles, byte orders, missing tags."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from common import HEIGHT, WIDTH, File

BYTE, SHORT, LONG = 1, 3, 4
CODES = {BYTE: 'B', SHORT: 'H', LONG: 'I'}
GRAY_INVERTED, GRAY, RGB, PALETTE, MASK, CMYK, YCBCR, LAB, ICC_LAB = 0, 1, 2, 3, 4, 5, 6, 8, 9
rng = np.random.default_rng(4)


@dataclass
class Layout:
    bits: int
    photometric: int
    samples: int = 1
    extra: tuple[int, ...] = ()
    planes: int = 1
    tile: tuple[int, int] | None = None
    big: bool = False
    order: str = '<'
    format: int = 1
    fill: int = 1
    rows: int = HEIGHT
    tags: dict[int, tuple[int, list[int]]] = field(default_factory=dict)
    missing: tuple[int, ...] = ()

    def pixels(self) -> np.ndarray:
        shape = (HEIGHT, WIDTH, self.samples)
        if self.format == 3:
            return (rng.random(shape) * 400 - 50).astype(f'{self.order}f{self.bits // 8}')
        size = 2 if self.bits == 12 else max(1, self.bits // 8)
        if self.format == 2:
            half = 2 ** (self.bits - 1)
            return rng.integers(-half, half, shape).astype(f'{self.order}i{size}')
        return rng.integers(0, 2 ** self.bits, shape).astype(f'{self.order}u{size}')

    def packed(self, part: np.ndarray) -> bytes:
        rows = part.reshape(part.shape[0], -1)
        data = np.ascontiguousarray(rows).tobytes()
        if self.bits in (1, 2, 4, 12):
            shifts = np.arange(self.bits - 1, -1, -1)
            bits = ((rows[:, :, None].astype(np.uint16) >> shifts) & 1).astype(np.uint8)
            data = np.packbits(bits.reshape(rows.shape[0], -1), axis=1).tobytes()
        return bytes(int(f'{byte:08b}'[::-1], 2) for byte in data) if self.fill == 2 else data

    def strips(self) -> list[bytes]:
        pixels = self.pixels()
        planes = [pixels] if self.planes == 1 else [pixels[:, :, i:i + 1] for i in range(self.samples)]
        if self.tile is None:
            return [self.packed(plane[y:y + self.rows]) for plane in planes for y in range(0, HEIGHT, self.rows)]
        width, height = self.tile
        out = []
        for plane in planes:
            for y in range(0, HEIGHT, height):
                for x in range(0, WIDTH, width):
                    part = plane[y:y + height, x:x + width]
                    padding = ((0, height - part.shape[0]), (0, width - part.shape[1]), (0, 0))
                    out.append(self.packed(np.pad(part, padding)))
        return out

    def all_tags(self, offsets: list[int], counts: list[int]) -> dict[int, tuple[int, list[int]]]:
        tags = {256: (SHORT, [WIDTH]), 257: (SHORT, [HEIGHT]), 258: (SHORT, [self.bits] * self.samples), 259: (SHORT, [1]),
                262: (SHORT, [self.photometric]), 277: (SHORT, [self.samples]), 284: (SHORT, [self.planes])}
        if self.fill != 1:
            tags[266] = (SHORT, [self.fill])
        if self.extra:
            tags[338] = (SHORT, list(self.extra))
        if self.format != 1:
            tags[339] = (SHORT, [self.format] * self.samples)
        if self.photometric == PALETTE:
            tags[320] = (SHORT, [int(value) for value in rng.integers(0, 65536, 3 * 2 ** self.bits)])
        if self.photometric == YCBCR:
            tags[530] = (SHORT, [1, 1])
        if self.tile:
            tags |= {322: (SHORT, [self.tile[0]]), 323: (SHORT, [self.tile[1]]), 324: (LONG, offsets), 325: (LONG, counts)}
        else:
            tags |= {273: (LONG, offsets), 278: (SHORT, [self.rows]), 279: (LONG, counts)}
        return {tag: value for tag, value in sorted((tags | self.tags).items()) if tag not in self.missing}

    def file(self) -> bytes:
        strips = self.strips()
        start = 16 if self.big else 8
        offsets = [start + sum(map(len, strips[:index])) for index in range(len(strips))]
        body = b''.join(strips)
        body += b'\0' * (len(body) % 2)
        tags = self.all_tags(offsets, [len(strip) for strip in strips])
        pointer = 'Q' if self.big else 'I'
        room = struct.calcsize(pointer)
        directory = start + len(body)
        after = directory + (8 if self.big else 2) + len(tags) * (4 + 2 * room) + room
        entries, values = b'', b''
        for tag, (kind, numbers) in tags.items():
            data = struct.pack(self.order + CODES[kind] * len(numbers), *numbers)
            value = data.ljust(room, b'\0')
            if len(data) > room:
                value = struct.pack(self.order + pointer, after + len(values))
                values += data + b'\0' * (len(data) % 2)
            entries += struct.pack(f'{self.order}HH{pointer}', tag, kind, len(numbers)) + value
        header = (b'II' if self.order == '<' else b'MM')
        header += struct.pack(f'{self.order}HHHQ', 43, 8, 0, directory) if self.big else struct.pack(f'{self.order}HI', 42, directory)
        count = struct.pack(self.order + ('Q' if self.big else 'H'), len(tags))
        return header + body + count + entries + struct.pack(self.order + pointer, 0) + values


def files() -> Iterator[File]:
    for order, name in (('<', 'le'), ('>', 'be')):
        for kind, layout in _layouts(order):
            yield f'tiff-{name}-{kind}.tif', layout.file()


def _layouts(order: str) -> Iterator[tuple[str, Layout]]:
    yield from _single(order)
    yield from _several(order)
    yield from _odd(order)


def _single(order: str) -> Iterator[tuple[str, Layout]]:
    for big in (False, True):
        for fill in (1, 2):
            for bits in (1, 2, 4, 8, 12, 16, 32):
                for photometric in (GRAY_INVERTED, GRAY, PALETTE):
                    if photometric != PALETTE or bits <= 8:
                        kind = f'{"big-" if big else ""}fill{fill}-{bits}bit-p{photometric}'
                        yield kind, Layout(bits, photometric, big=big, order=order, fill=fill)
    for format in (2, 3):
        for bits in (8, 16, 32, 64):
            if format == 2 and bits == 64 or format == 3 and bits == 8:
                continue
            for photometric, samples in ((GRAY_INVERTED, 1), (GRAY, 1), (RGB, 3)):
                yield f'format{format}-{bits}bit-p{photometric}', Layout(bits, photometric, samples, order=order, format=format)


SEVERAL = {
    RGB: [(3, ()), (4, ()), (4, (0,)), (4, (1,)), (4, (2,)), (4, (999,)), (5, (0, 0)), (5, (2, 0)), (5, (1, 0)), (6, (0, 0, 0))],
    CMYK: [(4, ()), (5, (0,)), (5, (2,)), (6, (0, 0))],
    GRAY: [(2, ()), (2, (0,)), (2, (1,)), (2, (2,)), (3, (2, 0))],
    PALETTE: [(2, (0,)), (2, (2,))],
    YCBCR: [(3, ())],
    LAB: [(3, ())],
    ICC_LAB: [(3, ())],
}


def _several(order: str) -> Iterator[tuple[str, Layout]]:
    for photometric, kinds in SEVERAL.items():
        for samples, extra in kinds:
            for bits in (8,) if photometric == PALETTE else (8, 16):
                for planes in (1, 2):
                    for tile in (None, (16, 16)):
                        more = ''.join(map(str, extra))
                        kind = f'p{photometric}-{bits}bit-{samples}-{more}-planes{planes}{"-tiles" if tile else ""}'
                        yield kind, Layout(bits, photometric, samples, extra, planes, tile, order=order, rows=4)


def _odd(order: str) -> Iterator[tuple[str, Layout]]:
    old = [int(value) for value in rng.integers(0, 256, 768)]
    yield 'palette-of-bytes', Layout(8, PALETTE, order=order, tags={320: (SHORT, old)})
    yield 'mask', Layout(1, MASK, order=order)
    yield 'itu-lab', Layout(8, 10, order=order)
    for tag, layout in ((262, Layout(8, GRAY)), (278, Layout(8, GRAY)), (258, Layout(1, GRAY)), (277, Layout(8, RGB, 3)), (279, Layout(8, RGB, 3, rows=4))):
        layout.order, layout.missing = order, (tag,)
        yield f'without-{tag}', layout
    for orientation in (3, 6, 9, 65535):
        yield f'orientation-{orientation}', Layout(8, RGB, 3, order=order, tags={274: (SHORT, [orientation])})
    for name, text in {'attribute': '<x tiff:Orientation="6"/>', 'element': '<tiff:Orientation>3</tiff:Orientation>', 'none': '<x/>'}.items():
        yield f'xmp-{name}', Layout(8, RGB, 3, order=order, tags={700: (BYTE, list(text.encode()))})
    for tag in (305, 700, 33432, 34665, 42113, 50838, 65000):
        yield f'tag-{tag}', Layout(8, RGB, 3, order=order, tags={tag: (BYTE, [1, 2, 3, 4, 5, 6, 7, 8])})
    for compression in (6, 7, 34676, 50001, 12345):
        yield f'compression-{compression}', Layout(8, RGB, 3, order=order, tags={259: (SHORT, [compression])})
