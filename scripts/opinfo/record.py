"""Records what PyTorch's own test database (OpInfo) makes of its samples, as JSON lines for replay.mjs.

  python scripts/opinfo/record.py OUT.jsonl [MOST_CALLS_PER_OVERLOAD] [PATTERN]

Each sample runs under a dispatch mode that writes every call of an overload: arguments, results, what was written in
place, and gradients where the call has them. Then comes the promotion table: binary ops by pairs of dtypes and kinds of
numbers. Every call starts from the same seed, on one thread.
"""

import copy
import json
import re
import sys
import types
import warnings

sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=object, assert_expected_inline=None))  # not on every index

import torch  # noqa: E402
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_flatten, tree_map  # noqa: E402

from encode import Unsupported, encode  # noqa: E402

DTYPES = [torch.float32, torch.int64, torch.float16, torch.complex64, torch.bool]
SAMPLES = 8
MOST_ELEMENTS = 4096


def clone(value):
    return tree_map(lambda x: x.detach().clone(memory_format=torch.preserve_format) if isinstance(x, torch.Tensor) else x, value)


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


class Recorder(TorchDispatchMode):
    def __init__(self, out, most):
        super().__init__()
        self.out, self.most = out, most
        self.counts, self.seen, self.skipped = {}, set(), {}
        self.pending = []  # lines whose gradients are still to come: inside the mode nothing is recorded for them

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = str(func)
        if self.counts.get(name, 0) >= self.most:
            return func(*args, **kwargs)
        try:
            before = {"args": encode(list(args)), "kwargs": {key: encode(value) for key, value in kwargs.items()}}
        except Unsupported as error:
            self.skipped[name] = str(error)
            return func(*args, **kwargs)
        inputs = clone((args, kwargs))
        torch.manual_seed(0)
        result = func(*args, **kwargs)
        try:
            self.write(func, before, args, kwargs, result, inputs)
        except Unsupported as error:
            self.skipped[name] = str(error)
        return result

    def write(self, func, before, args, kwargs, result, inputs):
        size = sum(x.numel() for x in tree_flatten((args, kwargs, result))[0] if isinstance(x, torch.Tensor))
        line = {"op": func._schema.name, "overload": func._schema.overload_name, **before}
        key = hash(json.dumps(line))
        if size > MOST_ELEMENTS or key in self.seen:
            return
        self.seen.add(key)
        line["result"] = encode(result if not isinstance(result, tuple) else list(result))
        if func._schema.is_mutable:
            line["after"] = encode(list(args))
        else:
            self.pending.append((line, func, inputs))
        self.counts[str(func)] = self.counts.get(str(func), 0) + 1
        if func._schema.is_mutable:
            self.out.write(json.dumps(line) + "\n")

    def flush(self):
        for line, func, inputs in self.pending:
            self.out.write(json.dumps({**line, "grads": gradients(func, *inputs)}) + "\n")
        self.pending = []


def gradients(func, args, kwargs):
    """Gradients of the first differentiable result for all floating tensors among the arguments; None without."""
    leaves = [x for x in args if isinstance(x, torch.Tensor) and (x.is_floating_point() or x.is_complex())]
    if not leaves:
        return None
    try:
        with torch.enable_grad():
            for leaf in leaves:
                leaf.requires_grad_()
            torch.manual_seed(0)
            first = next((x for x in as_list(func(*args, **kwargs)) if isinstance(x, torch.Tensor) and x.requires_grad), None)
            if first is None:
                return None
            return encode(list(torch.autograd.grad(first, leaves, torch.ones_like(first), allow_unused=True)))
    except Exception:
        return None


def record_samples(recorder, pattern):
    for info in op_db:
        if not re.search(pattern, info.name):
            continue
        for dtype in DTYPES:
            if dtype not in info.dtypes:
                continue
            try:
                for _, sample in zip(range(SAMPLES), info.sample_inputs("cpu", dtype, requires_grad=False)):
                    with recorder:
                        info(sample.input, *sample.args, **sample.kwargs)
            except Exception as error:
                recorder.skipped[f"{info.name} {dtype}"] = str(error).split("\n")[0][:200]
            recorder.flush()


BINARY = ["add", "sub", "mul", "div", "floor_divide", "remainder", "pow", "eq", "lt", "bitwise_and", "add_", "mul_", "div_", "where"]
NUMBERS = [2, 2.5, True, complex(1, 2), -3, 0, 1000000]
KINDS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool, torch.float16, torch.bfloat16,
         torch.float32, torch.float64, torch.complex64, torch.complex128]  # fmt: skip


def record_promotion(out):
    count = 0
    tensors = [torch.tensor([1, 2, 3]).to(dtype) for dtype in KINDS] + [torch.tensor(2).to(dtype) for dtype in KINDS]
    for name in BINARY:
        for a in tensors:
            for b in tensors + NUMBERS:
                args = [torch.tensor([True, False, True]), a, b] if name == "where" else [a, b]
                before = encode(args)
                line = {"op": f"aten::{name}", "overload": None, "args": before, "kwargs": {}}
                run = torch.where if name == "where" else getattr(torch.Tensor, name)
                try:
                    line["result"] = encode(run(*copy.deepcopy(args)))
                except Exception as error:
                    line["error"] = type(error).__name__
                out.write(json.dumps(line) + "\n")
                count += 1
    return count


def main(path, most="8", pattern=""):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    with open(path, "w") as out:
        recorder = Recorder(out, int(most))
        record_samples(recorder, pattern)
        promotions = record_promotion(out)
    print(f"{sum(recorder.counts.values())} calls of {len(recorder.counts)} overloads, {promotions} of the promotion table")
    print(f"not recorded: {len(recorder.skipped)}")
    with open(path + ".skipped", "w") as skipped:
        json.dump(recorder.skipped, skipped, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
