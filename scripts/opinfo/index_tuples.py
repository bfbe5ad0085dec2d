"""Random index tuples with what Python's torch makes of them: reads and writes, refusals included.

  python scripts/opinfo/index_tuples.py OUT.jsonl|DESCRIPTOR COUNT SEED

Most tuples are valid; about a fifth break a rule (range, mask shape, broadcasting, dtype), so that refusals are
compared too. replay.mjs reads the lines, test/fixtures/tensor/indexing-random.jsonl is a sample.
"""

import json
import random
import sys
import warnings

import torch

DTYPES = [torch.float32, torch.int64, torch.bool, torch.float16, torch.int32, torch.uint8, torch.complex64, torch.float64]
NAMES = {dtype: str(dtype).removeprefix("torch.") for dtype in [*DTYPES, torch.int16, torch.int8, torch.bfloat16]}
CARELESS = 0.06  # the chance that one choice breaks a rule


class Draw:
    """The tuple for one tensor: what is left of its dimensions, and the shape that its index tensors share."""

    def __init__(self, rng, shape):
        self.rng = rng
        self.left = list(shape)
        self.common = [rng.choice([1, 2, 3]) for _ in range(rng.choice([1, 1, 2]))]
        self.items = []

    def careless(self):
        return self.rng.random() < CARELESS

    def position(self, size):
        if size == 0 or self.careless():
            return self.rng.choice([size, -size - 1, size + 3])
        return self.rng.randrange(-size, size)

    def slice(self):
        bound = lambda: self.rng.choice([None, None, self.rng.randrange(-5, 6)])
        self.left.pop(0)
        return slice(bound(), bound(), self.rng.choice([None, 1, 1, 2, 3]))

    def shared_shape(self):
        """A shape that broadcasts with the other index tensors'."""
        shape = [size if self.rng.random() < 0.8 else 1 for size in self.common]
        if self.careless():
            shape[-1] += 1
        return shape[self.rng.randrange(len(shape)) :] if self.rng.random() < 0.3 else shape

    def positions(self, dtype=torch.int64):
        size = self.left.pop(0)
        shape = self.shared_shape()
        count = torch.Size(shape).numel()
        return torch.tensor([self.position(size) for _ in range(count)], dtype=dtype).reshape(shape)

    def mask(self, dims, dtype=torch.bool):
        shape = [self.left.pop(0) for _ in range(dims)]
        if self.careless():
            shape[-1] += 1
        count = torch.Size(shape).numel()
        wanted = min(count, self.common[-1] if self.rng.random() < 0.8 else self.rng.choice([0, 1, 2]))
        flat = [True] * wanted + [False] * (count - wanted)
        self.rng.shuffle(flat)
        return torch.tensor(flat, dtype=torch.bool).reshape(shape).to(dtype)

    def scalar(self):
        kind = self.rng.choice([torch.int64, torch.int32, torch.int16, torch.uint8, torch.bool, torch.bool, torch.int8])
        if kind in (torch.uint8, torch.bool):
            return torch.tensor(self.rng.random() < 0.7, dtype=torch.bool).to(kind)
        return torch.tensor(self.position(self.left.pop(0)), dtype=kind)

    def anything(self):
        """An index that needs no dimension."""
        return self.rng.choice([None, None, True, False, torch.tensor(True), torch.tensor(False)])

    def item(self):
        roll = self.rng.random()
        if roll < 0.12 or not self.left:
            return self.anything()
        if roll < 0.30:
            return self.position(self.left.pop(0))
        if roll < 0.52:
            return self.slice()
        if roll < 0.62:
            return self.scalar()
        if roll < 0.74:
            return self.positions().tolist()
        if roll < 0.86:
            return self.positions(self.rng.choice([torch.int64, torch.int64, torch.int32]))
        dims = min(len(self.left), self.rng.choice([1, 1, 2, 2, 3]))
        mask = self.mask(dims, torch.uint8 if self.rng.random() < 0.15 else torch.bool)
        return mask.tolist() if dims == 1 and self.rng.random() < 0.3 else mask

    def tuple(self):
        count = self.rng.choice([0, 1, 1, 1, 2, 2, 3, 3, 4, 5])
        ellipsis = self.rng.randrange(count + 1) if self.rng.random() < 0.3 else None
        for place in range(count):
            if place == ellipsis:
                self.items.append(Ellipsis)
                skipped = self.rng.randrange(len(self.left) + 1)
                # What stands behind must fit the last dimensions.
                self.left = self.left[skipped:]
                self.left = self.left[max(0, len(self.left) - (count - place - 1)) :]
            elif self.left or self.rng.random() < 0.3:
                self.items.append(self.item())
        if self.careless():
            self.items.append(self.rng.choice([0, slice(None), [0]]))
        return tuple(self.items)


def encode_number(value):
    return [value.real, value.imag] if isinstance(value, complex) else value


def encode_tensor(tensor):
    flat = tensor.contiguous().flatten().tolist()
    return {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data": [encode_number(v) for v in flat]}


def encode_index(item):
    if item is Ellipsis:
        return "..."
    if isinstance(item, slice):
        return {"slice": [item.start, item.stop, item.step]}
    if isinstance(item, list):
        return {"list": item}
    return {"tensor": encode_tensor(item)} if isinstance(item, torch.Tensor) else item


def base_of(shape, dtype, swap):
    """Elements that all differ where the dtype allows, optionally with two dimensions swapped in memory."""
    count = torch.Size(shape).numel()
    values = (torch.arange(count) * 7 + 3) % 97
    x = (values % 2 == 0 if dtype == torch.bool else values.to(dtype)).reshape(shape)
    return x.transpose(*swap).contiguous().transpose(*swap) if swap else x


def in_python(items):
    """`x[i]` for one index, `x[i, j]` for several; an array alone is one index too, not Python's tuple."""
    return items[0] if len(items) == 1 and not isinstance(items[0], list) else items


def attempt(fn):
    try:
        return fn()
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error).split("\n")[0]}


def read(x, items):
    part = x[in_python(items)]
    storage = lambda tensor: tensor.untyped_storage()._cdata
    view = part.is_alias_of(x) if hasattr(part, "is_alias_of") else storage(part) == storage(x)
    return {**encode_tensor(part), "view": view, **({"stride": list(part.stride())} if view else {})}


def draw_value(rng, x, items):
    """A number, or a tensor for the selected part: some dimensions broadcast, left out, or with ones before them."""
    try:
        shape = list(x[in_python(items)].shape)
    except Exception:
        shape = [1]
    if rng.random() < 0.3:
        return rng.choice([5, -1, 2.5, True, False, 0, 3.0])
    shape = [1 if rng.random() < 0.2 else size for size in shape][rng.choice([0, 0, 0, 1]) :]
    shape = [1] * rng.choice([0, 0, 0, 1, 2]) + shape
    if shape and rng.random() < CARELESS:
        shape[-1] += 2
    dtype = x.dtype if rng.random() < 0.75 else rng.choice(DTYPES)
    values = torch.arange(torch.Size(shape).numel()) % 50 + 100
    return (values % 2 == 0 if dtype == torch.bool else values.to(dtype)).reshape(shape)


def write(x, items, value):
    target = x.clone()
    target[in_python(items)] = value
    return encode_tensor(target)


def make_case(rng):
    shape = [rng.choice([0, 1, 2, 2, 3, 3, 4]) for _ in range(rng.choice([0, 1, 2, 2, 3, 3, 3, 4, 4, 5]))]
    swap = sorted(rng.sample(range(len(shape)), 2)) if len(shape) > 1 and rng.random() < 0.3 else None
    dtype = rng.choice([torch.float32, torch.int64, *DTYPES])
    x = base_of(shape, dtype, swap)
    items = Draw(rng, shape).tuple()
    value = draw_value(rng, x, items)
    return {
        "shape": shape,
        "dtype": NAMES[dtype],
        "swap": swap,
        "index": [encode_index(item) for item in items],
        "read": attempt(lambda: read(x, items)),
        "value": {"tensor": encode_tensor(value)} if isinstance(value, torch.Tensor) else value,
        "write": attempt(lambda: write(x, items, value)),
    }


def cases(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        yield make_case(rng)


def main(path, count, seed):
    warnings.filterwarnings("ignore")
    with open(int(path) if path.isdigit() else path, "w") as out:
        for case in cases(int(count), int(seed)):
            out.write(json.dumps(case, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
