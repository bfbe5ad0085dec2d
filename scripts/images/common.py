"""What the makers of nasty images share: a small picture in every mode, and seeded random numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

File = tuple[str, bytes]

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 21, 13
CAT = Image.open(ROOT / 'test' / 'fixtures' / 'images' / 'chelsea.png').convert('RGB')
PHOTO = CAT.crop((100, 60, 100 + WIDTH, 60 + HEIGHT))
LARGER = CAT.crop((100, 60, 149, 97))
MODES = ['1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'RGBX', 'CMYK', 'YCbCr', 'LAB', 'HSV', 'I', 'F', 'I;16', 'RGBa', 'La']


def in_mode(mode: str, photo: Image.Image = PHOTO) -> Image.Image:
    """The picture in a mode, with an alpha channel that is a ramp."""
    gray = photo.convert('L')
    ramp = Image.linear_gradient('L').resize(photo.size)
    if mode in ('RGBA', 'LA', 'PA'):
        image = {'RGBA': photo, 'LA': gray, 'PA': photo.quantize(32)}[mode].convert(mode)
        image.putalpha(ramp)
        return image
    if mode in ('RGBa', 'La'):
        return in_mode(mode.upper(), photo).convert(mode)
    if mode == 'P':
        return photo.quantize(32)
    if mode == '1':
        return gray.convert('1')
    values = np.asarray(gray)
    if mode == 'I;16':
        return Image.fromarray((values.astype(np.uint16) * 257 - 90).astype(np.uint16))
    if mode == 'I':
        return Image.fromarray(values.astype(np.int32) * 257)
    if mode == 'F':
        return Image.fromarray(values.astype(np.float32) * 1.37 - 20)
    return photo.convert(mode)


def saved(image: Image.Image, format: str, **options: object) -> bytes | None:
    """The image as Pillow writes it, or None where it does not."""
    out = io.BytesIO()
    try:
        image.save(out, format, **options)
    except Exception:
        return None
    return out.getvalue()


def named(files: Iterator[tuple[str, bytes | None]]) -> Iterator[File]:
    """Leaves out what could not be written."""
    for name, data in files:
        if data is not None:
            yield name, data


def cut(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The file ended too early, at five places."""
    for part in (0.2, 0.5, 0.9):
        yield f'{int(100 * part)}%', data[: int(len(data) * part)]
    for left in (3, 1):
        yield f'-{left}', data[:-left]


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The file with one to four damages: bytes changed, left out, put in, or the rest cut off."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(0, max(1, len(out))))
        kind = rng.integers(0, 8)
        noise = rng.integers(0, 256, int(rng.integers(1, 9)), dtype=np.uint8).tobytes()
        if kind < 4:
            out[at:at + 1] = noise[:1]
        elif kind == 4:
            del out[at:at + len(noise)]
        elif kind == 5:
            out[at:at] = noise
        elif kind == 6:
            out[at:at + 4] = b'\xff\xff\xff\xff'
        else:
            del out[at:]
    return bytes(out)
