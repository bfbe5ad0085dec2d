"""Makes a folder of nasty images and reference.json, what Pillow 12.3 reads in each.

    python scripts/images/reference.py FOLDER [--fuzz N] [--seed S]

The reference is the SHA-256 of Image.open(file).convert('RGB'), as torchvision's pil_loader reads it. For 16-bit gray,
which Pillow cuts at 255, it is that of the upper eight bits, the documented departure. AVIF is compared within a
tolerance, so its pixels are kept. With --fuzz, N damaged copies of the files are added.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

import bmp_files
import gif_files
import jpeg_files
import pillow_files
import png_files
import pnm_files
import tiff_files
from common import mutated

MAKERS = (pillow_files, png_files, jpeg_files, gif_files, tiff_files, bmp_files, pnm_files)


def all_files() -> dict[str, bytes]:
    """Every file by its name; libtiff's complaints about what cannot be written are left out."""
    silent = os.open(os.devnull, os.O_WRONLY)
    stderr = os.dup(2)
    os.dup2(silent, 2)
    try:
        return {name.replace(';', ''): data for maker in MAKERS for name, data in maker.files()}
    finally:
        os.dup2(stderr, 2)


def as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith('I;16') or (image.format == 'PPM' and image.mode == 'I'):
        return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)).convert('RGB')
    return image.convert('RGB')


def read(data: bytes) -> dict:
    """What Pillow makes of a file."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            rgb = as_rgb(image)
    except Exception as error:
        return {'refused': f'{type(error).__name__}: {error}'.split(' <_io')[0]}
    pixels = rgb.tobytes()
    found = {'kind': f'{image.format} {image.mode}', 'size': [rgb.height, rgb.width], 'sha256': hashlib.sha256(pixels).hexdigest()}
    return {**found, 'pixels': base64.b64encode(pixels).decode()} if image.format == 'AVIF' else found


def fuzzed(files: dict[str, bytes], count: int, seed: int) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    names = sorted(files)
    chosen = rng.choice(len(names), count)
    return {f'fuzz{index}-{names[at]}': mutated(files[names[at]], rng) for index, at in enumerate(chosen)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('folder', type=Path)
    parser.add_argument('--fuzz', type=int, default=0)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter('ignore')
    files = all_files()
    files |= fuzzed(files, options.fuzz, options.seed)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (options.folder / name).write_bytes(data)
    reference = {'pillow': PIL.__version__, 'files': {name: read(data) for name, data in sorted(files.items())}}
    (options.folder / 'reference.json').write_text(json.dumps(reference))
    print(f'{len(files)} files in {options.folder}', file=sys.stderr)


if __name__ == '__main__':
    main()
