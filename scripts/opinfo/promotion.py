"""The promotion table: binary ops by pairs of dtypes, of tensors, tensors without dimensions and numbers."""

import json

import torch

from observe import once, outcome, twice
from values import Encoder, Storages

OPS = ["add", "sub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "eq", "lt", "maximum", "atan2", "xlogy",
       "bitwise_and", "logical_or", "copysign", "hypot", "add_", "sub_", "mul_", "div_", "pow_", "remainder_", "where", "rsub"]  # fmt: skip
NUMBERS = [2, 2.5, 2.0, True, complex(1, 2), -3, 0, 1000000]
DTYPES = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool, torch.float16, torch.bfloat16,
          torch.float32, torch.float64, torch.complex64, torch.complex128]  # fmt: skip
NUMBER_FIRST = ("where", "pow", "remainder", "xlogy", "add", "mul", "sub", "div")


def record_promotion(out):
    tensors = [torch.tensor([1, 2, 3]).to(dtype) for dtype in DTYPES] + [torch.tensor(2).to(dtype) for dtype in DTYPES]
    mask = torch.tensor([True, False, True])
    count = 0
    for name in OPS:
        for a in tensors + (NUMBERS if name in NUMBER_FIRST else []):
            for b in tensors + NUMBERS:
                if not isinstance(a, torch.Tensor) and not isinstance(b, torch.Tensor) and name != "where":
                    continue
                out.write(json.dumps(line(name, [mask, a, b] if name == "where" else [a, b])) + "\n")
                count += 1
    return count


def line(name, args):
    run = getattr(torch, name) if name in ("where", "rsub") or not isinstance(args[0], torch.Tensor) else getattr(torch.Tensor, name)
    storages = Storages(args)
    made = {"op": f"aten::{name}", "overload": None, "args": Encoder(storages)(args), "kwargs": {}}
    made["storages"] = storages.bytes()
    made.update(twice(lambda: outcome(run, name.endswith("_"), args, {})))
    if any(isinstance(x, float) and x.is_integer() for x in args):
        integers = [int(x) if isinstance(x, float) and x.is_integer() else x for x in args]
        made["ways"] = {"integers": once(lambda: outcome(run, name.endswith("_"), integers, {}))}
    return made
