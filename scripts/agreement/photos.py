"""Makes JPEG files of photographs: random parts of them, of many sizes, qualities and kinds, in folders of ten classes.

    python photos.py OUT PHOTO... [--count 1000] [--seed 0]
"""

import argparse
import os
import random

from PIL import Image


def part(image, rng):
    """A random part, resized by up to a half: what ImageNet's images look like beside a camera's."""
    width, height = rng.randint(180, 640), rng.randint(180, 640)
    most = min(image.width / width, image.height / height)
    scale = rng.uniform(min(1.0, most), most)
    box_width, box_height = int(width * scale), int(height * scale)
    left, top = rng.randint(0, image.width - box_width), rng.randint(0, image.height - box_height)
    box = (left, top, left + box_width, top + box_height)
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def save(image, path, rng):
    if rng.random() < 0.03:
        image = image.convert("L")
    kind = {"quality": rng.choice([60, 75, 85, 90, 95]), "progressive": rng.random() < 0.2}
    if image.mode == "RGB":
        kind["subsampling"] = rng.choice([0, 1, 2, 2])
    image.save(path, **kind)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    shares = [args.count // len(args.photos) + (i < args.count % len(args.photos)) for i in range(len(args.photos))]
    number = 0
    for photo, share in zip(sorted(args.photos), shares):
        image = Image.open(photo).convert("RGB")
        for _ in range(share):
            folder = os.path.join(args.out, "val", f"class{number % 10}")
            os.makedirs(folder, exist_ok=True)
            save(part(image, rng), os.path.join(folder, f"{number:05d}.jpg"), rng)
            number += 1


main()
