"""JPEG files with stray bytes, odd markers, colour transforms and damages."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from common import LARGER, File, saved

START_OF_SCAN, APP0, APP14, TABLES, HUFFMAN = 0xDA, 0xE0, 0xEE, 0xDB, 0xC4


def segments(data: bytes) -> tuple[list[tuple[int, int, int]], int]:
    """(place, marker, length) up to the first scan, and where its data begins."""
    found, at = [], 2
    while True:
        marker, length = data[at + 1], 2 + struct.unpack('>H', data[at + 2:at + 4])[0]
        found.append((at, marker, length))
        at += length
        if marker == START_OF_SCAN:
            return found, at


def without(data: bytes, unwanted: int) -> bytes:
    found, scan = segments(data)
    return data[:2] + b''.join(data[at:at + length] for at, marker, length in found if marker != unwanted) + data[scan:]


def adobe(transform: int) -> bytes:
    return b'\xff\xee' + struct.pack('>H', 14) + b'Adobe' + struct.pack('>HHHB', 100, 0, 0, transform)


def renamed(data: bytes, names: bytes) -> bytes:
    """Other component identifiers in the frame and the scan."""
    out = bytearray(data)
    frame, scan = out.find(b'\xff\xc0'), out.find(b'\xff\xda')
    for index, name in enumerate(names):
        out[frame + 10 + 3 * index] = out[scan + 5 + 2 * index] = name
    return bytes(out)


def files() -> Iterator[File]:
    photo = saved(LARGER, 'JPEG', quality=85)
    for make in (_stray, _scan, _header, _colours):
        for name, data in make(photo):
            yield f'jpeg-{name}.jpg', data


def _stray(photo: bytes) -> Iterator[File]:
    for index, (at, marker, _) in enumerate(segments(photo)[0]):
        yield f'stray-{index}-{marker:02x}', photo[:at] + b'\0\x12\x34' + photo[at:]
        yield f'fill-{index}-{marker:02x}', photo[:at] + b'\xff\xff' + photo[at:]
    yield 'stray-end', photo[:-2] + b'\0\x55\x66' + photo[-2:]
    yield 'no-end', photo[:-2]
    yield 'trailing', photo + b'trailing' * 9
    yield 'trailing-zeros', photo + bytes(1000)
    yield 'twice', photo + photo
    yield 'leading', b'\r\n' + photo
    for length in (2, 3, 4, 10, 100, 300):
        yield f'first-{length}', photo[:length]


def _scan(photo: bytes) -> Iterator[File]:
    scan = segments(photo)[1]
    yield 'flipped', photo[:scan + 200] + bytes([photo[scan + 200] ^ 0x5A]) + photo[scan + 201:]
    yield 'marker-inside', photo[:scan + 100] + b'\xff\x07' + photo[scan + 102:]
    yield 'zeros-inside', photo[:scan + 150] + bytes(60) + photo[scan + 210:]
    yield 'ended-early', photo[:scan + 200] + b'\xff\xd9'
    restarts = saved(LARGER, 'JPEG', restart_marker_blocks=3)
    at = restarts.find(b'\xff\xd0')
    yield 'restart-stray', restarts[:at] + b'\x11\x22' + restarts[at:]
    yield 'restart-lost', restarts[:at] + restarts[at + 2:]
    yield 'restart-wrong', restarts[:at] + b'\xff\xd3' + restarts[at + 2:]


def _header(photo: bytes) -> Iterator[File]:
    frame = photo.find(b'\xff\xc0')
    for marker in (0xC1, 0xC2, 0xC3, 0xC9, 0xCA):
        yield f'frame-{marker:02x}', photo[:frame + 1] + bytes([marker]) + photo[frame + 2:]
    yield '12-bit', photo[:frame + 4] + b'\x0c' + photo[frame + 5:]
    for name, height in {'height-0': 0, 'higher': 96, 'lower': 16}.items():
        yield name, photo[:frame + 5] + struct.pack('>H', height) + photo[frame + 7:]
    yield 'huge', photo[:frame + 5] + b'\xff\xdc\xff\xdc' + photo[frame + 9:]
    for name, marker in {'no-jfif': APP0, 'no-quantization': TABLES, 'no-huffman': HUFFMAN}.items():
        yield name, without(photo, marker)


def _colours(photo: bytes) -> Iterator[File]:
    bare = without(photo, APP0)
    for names in (b'RGB', b'rgb', b'\0\1\2', b'\3\4\5'):
        yield f'components-{names.hex()}', renamed(bare, names)
        yield f'components-{names.hex()}-jfif', renamed(photo, names)
    cmyk = without(saved(LARGER.convert('CMYK'), 'JPEG', quality=90), APP14)
    gray = saved(LARGER.convert('L'), 'JPEG')
    yield 'cmyk-no-adobe', cmyk
    for transform in (0, 1, 2, 5):
        yield f'adobe-{transform}', bare[:2] + adobe(transform) + bare[2:]
        yield f'adobe-{transform}-jfif', photo[:20] + adobe(transform) + photo[20:]
        yield f'cmyk-adobe-{transform}', cmyk[:2] + adobe(transform) + cmyk[2:]
        yield f'gray-adobe-{transform}', gray[:20] + adobe(transform) + gray[20:]
