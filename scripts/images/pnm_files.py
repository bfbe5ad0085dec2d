"""PBM, PGM, PPM and PFM files, plain and raw, of every maximum, with comments and damages in every place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from common import HEIGHT, WIDTH, File

MAXIMA = (1, 2, 7, 15, 100, 127, 254, 255, 256, 257, 1000, 1023, 4095, 32767, 65534, 65535)
HEADERS = ['P5\n# c\n3 2\n255\n', 'P5 # c\n3 2 255\n', 'P5\n3#c\n 2\n255\n', 'P5\n3 2\n#c\n255\n', 'P5\n3 2\n255#c\n', 'P5\n3 2\n2#c\n55\n', 'P5\r\n3 2\r\n255\r',
           'P5\t3\x0b2\x0c255 ', 'P5\n3 2\n255\n#c\n', 'P5#c\n3 2 255\n', 'P53 2 255\n', 'P5\n+3 2\n255\n', 'P5\n0 2\n255\n', 'P5\n3 2\n0\n', 'P5\n3 2\n65536\n', 'P5\n3 -2\n255\n',
           'P5\n3 2.5\n255\n', 'P5\n00000003 2\n255\n', 'P5\n00000000003 2\n255\n', 'P5\n3 x\n255\n', 'P5\n1_0 2\n255\n', 'P5\n999999 999999\n255\n', 'P5\n13000 13000\n255\n']
BROKEN = ['P5\n3 2\n', 'P5\n', 'P5', 'P5\n3', 'P5 #', 'P5\n3 2\n255']
NUMBERS = ['1 2 3 4 5 6', '1 2 3 4 5', '1 2 3 4 5 6 7 8', '1 #x\n2 3 4 5 6', '1#x\n2 3 4 5 6 7', '1 2 3 4 5 #', '1 2 3 4 5 6#', '1 2 3 4 5 256', '1 2 3 4 5 -6', '1 2 3 4 5 x', '1 2 3 4 5 +6',
           '1 2 3 4 5 00000000006', '1 2 3 4 5 0000000006', '1,2,3,4,5,6', '1 2 3 4 5 6x', '1 2 3 4 5 6 x', '1\x0b2\x0c3\r4\t5\n6', '#\n1 2 3 4 5 6', '1 2 3 # 4 5 6', '1 2 3 #\r4 5 6', '1 2 3 4 5 \x006']
SCALES = ['-1.0', '1.0', '-0.5', '2', '1e3', '0', 'nan', 'inf', '-.5', 'x', '1e400']
rng = np.random.default_rng(7)


def files() -> Iterator[File]:
    for name, data in [*_depths(), *_bits(), *_texts(), *_floats()]:
        yield f'pnm-{name}.pnm', data


def _depths() -> Iterator[File]:
    for top in MAXIMA:
        kind = '>u2' if top > 255 else np.uint8
        for plain, raw, channels in ((2, 5, 1), (3, 6, 3)):
            header = f'{WIDTH} {HEIGHT}\n{top}\n'
            values = rng.integers(0, top + 1, HEIGHT * WIDTH * channels)
            yield f'P{raw}-{top}', f'P{raw}\n{header}'.encode() + values.astype(kind).tobytes()
            yield f'P{plain}-{top}', f'P{plain}\n{header}{" ".join(map(str, values))}\n'.encode()
            above = rng.integers(0, 65536 if top > 255 else 256, values.shape)
            yield f'P{raw}-{top}-above', f'P{raw}\n{header}'.encode() + above.astype(kind).tobytes()
    yield 'P5-cut', f'P5\n{WIDTH} {HEIGHT}\n255\n'.encode() + bytes(20)
    yield 'P6-cut', f'P6\n{WIDTH} {HEIGHT}\n255\n'.encode() + bytes(20)
    yield 'P7', b'P7\nWIDTH 3\nHEIGHT 2\nDEPTH 1\nMAXVAL 255\nENDHDR\n' + bytes(6)


def _bits() -> Iterator[File]:
    for width in (1, 7, 8, 9, WIDTH):
        bits = rng.integers(0, 2, (HEIGHT, width), dtype=np.uint8)
        size = f'{width} {HEIGHT}\n'
        yield f'P4-{width}', f'P4\n{size}'.encode() + np.packbits(bits, axis=1).tobytes()
        yield f'P1-{width}', f'P1\n{size}'.encode() + b'\n'.join((row + 48).tobytes() for row in bits)
        yield f'P1-{width}-spaces', f'P1\n{size}{" ".join(map(str, bits.ravel()))}'.encode()
    yield 'P4-cut', f'P4\n{WIDTH} {HEIGHT}\n'.encode() + bytes(5)


def _texts() -> Iterator[File]:
    for index, header in enumerate(HEADERS):
        yield f'header{index}', header.encode() + bytes(range(40, 46))
    for index, header in enumerate(BROKEN):
        yield f'broken{index}', header.encode()
    for index, numbers in enumerate(NUMBERS):
        yield f'P2-numbers{index}', f'P2\n3 2\n255\n{numbers}'.encode()
        yield f'P1-numbers{index}', f'P1\n3 2\n{numbers.translate(str.maketrans("23456", "01010"))}'.encode()


def _floats() -> Iterator[File]:
    values = rng.random((HEIGHT, WIDTH)) * 400 - 50
    values[0, :6] = [np.nan, np.inf, -np.inf, 254.999, -0.0, 1e-40]
    for scale in SCALES:
        order = '<f4' if scale.startswith('-') else '>f4'
        yield f'Pf-{scale}', f'Pf\n{WIDTH} {HEIGHT}\n{scale}\n'.encode() + values.astype(order).tobytes()
    yield 'PF', f'PF\n{WIDTH} {HEIGHT}\n-1.0\n'.encode() + values.repeat(3).astype('<f4').tobytes()
