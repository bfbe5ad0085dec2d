"""Records what PyTorch's own test database (OpInfo) makes of its samples, as JSON lines for replay.mjs.

  python scripts/opinfo/record.py OUT.jsonl|DESCRIPTOR [--most 12] [--samples 24] [--ops PATTERN]

Each sample runs inside a mode that writes every call of an overload at every level (recorder.py), and again backward,
for the calls of derivatives; error samples come too. Then the promotion table. Every call starts from the same seed,
on one thread. The last line counts.
"""

import argparse
import itertools
import json
import re
import sys
import types
import warnings

sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=object, assert_expected_inline=None))  # not on every index

import torch  # noqa: E402
from torch.testing._internal import common_methods_invocations as database  # noqa: E402
from torch.testing._internal.common_modules import module_db  # noqa: E402
from torch.testing._internal.opinfo import core  # noqa: E402

from plain import record_plain  # noqa: E402
from promotion import record_promotion  # noqa: E402
from recorder import Recorder  # noqa: E402
from values import tensors_in  # noqa: E402

core.extract_test_fn = lambda: None  # looks through the whole stack for a test that takes samples, most of the time

DTYPES = [torch.float32, torch.int64, torch.float16, torch.complex64, torch.bool, torch.float64, torch.bfloat16, torch.uint8]
FEWER = 5  # samples of each dtype after the first two


def infos(pattern):
    every = [getattr(database, name) for name in sorted(dir(database)) if re.fullmatch("(foreach_.*_)?op_db", name)]
    return [info for info in itertools.chain(*every) if re.search(pattern, info.name)]


def most_of(info, place, most):
    if info.name.startswith("_foreach"):
        return 6
    return most if place < 2 else FEWER


def forms(info):
    """The functions of an op: its own, in place, as a method, and the same of its aliases."""
    names = ("op", "inplace_variant", "method_variant")
    found = [getattr(of, name, None) for of in (info, *getattr(info, "aliases", ())) for name in names]
    return [form for form in found if form is not None]


def shortened(value):
    return value[:2] if isinstance(value, list) else value


def foreach_samples(info, dtype):
    """Two tensors of each list, which has up to thirty."""
    for sample in info.sample_inputs("cpu", dtype, noncontiguous=False):
        sample.input = shortened(sample.input)
        sample.args = tuple(shortened(x) for x in sample.args)
        sample.kwargs = {key: shortened(x) for key, x in sample.kwargs.items()}
        yield sample


def sparse_samples(info, dtype):
    if not getattr(info, "supports_sparse", False):
        return
    for layout in ("coo", "csr", "csc", "bsr", "bsc"):
        if layout == "coo" or getattr(info, f"supports_sparse_{layout}", False):
            yield from itertools.islice(getattr(info, f"sample_inputs_sparse_{layout}")("cpu", dtype, requires_grad=False), FEWER)


def samples(info, dtype, requires_grad):
    if info.name.startswith("_foreach"):
        return foreach_samples(info, dtype)
    return info.sample_inputs("cpu", dtype, requires_grad=requires_grad)


def backward(result):
    for x in tensors_in(list(result) if isinstance(result, tuple) else [result]):
        if x.requires_grad:
            x.backward(torch.ones_like(x), retain_graph=True)


def record_dtype(recorder, info, dtype, most):
    sparse = sparse_samples(info, dtype) if dtype == DTYPES[0] else ()
    for sample in itertools.chain(itertools.islice(samples(info, dtype, False), most), sparse):
        for form in forms(info)[: None if dtype in DTYPES[:2] else 1]:
            try:
                recorder.run(lambda: form(sample.input, *sample.args, **sample.kwargs))
            except Exception as error:
                recorder.skipped[f"{info.name} {dtype}"] = str(error).split("\n")[0][:200]


def record_backward(recorder, info, dtype, most):
    for sample in itertools.islice(samples(info, dtype, True), most):
        guarded(recorder, f"{info.name} {dtype} backward", lambda: run_backward(recorder, info, sample))


def run_backward(recorder, info, sample):
    with torch.enable_grad():
        result = info(sample.input, *sample.args, **sample.kwargs)
        recorder.run(lambda: backward(result))


def record_errors(recorder, info):
    if info.error_inputs_func is None:
        return
    for case in info.error_inputs("cpu"):
        sample = case.sample_input
        try:
            recorder.run(lambda: info(sample.input, *sample.args, **sample.kwargs))
        except Exception:  # as it should
            pass


def record_modules(recorder, pattern):
    for info in module_db if pattern == "" else ():
        for dtype in (torch.float32, torch.float64):
            guarded(recorder, f"{info.name} {dtype}", lambda: record_module(recorder, info, dtype))


def record_module(recorder, info, dtype):
    given = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=True)
    for case in itertools.islice(given, FEWER):
        made = case.constructor_input
        module = info.module_cls(*made.args, **made.kwargs).to(dtype)
        inputs = case.forward_input
        recorder.run(lambda: backward(module(*inputs.args, **inputs.kwargs)))


def guarded(recorder, name, fn):
    try:
        fn()
    except Exception as error:
        recorder.skipped[name] = str(error).split("\n")[0][:200]


def record_samples(recorder, pattern, most):
    for info in infos(pattern):
        for place, dtype in enumerate(DTYPES):
            if dtype not in info.dtypes:
                continue
            count = most_of(info, place, most)
            guarded(recorder, f"{info.name} {dtype}", lambda: record_dtype(recorder, info, dtype, count))
            if dtype.is_floating_point or dtype.is_complex:
                guarded(recorder, f"{info.name} {dtype} backward", lambda: record_backward(recorder, info, dtype, count))
        guarded(recorder, f"{info.name} errors", lambda: record_errors(recorder, info))


def main(options):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    target = int(options.out) if options.out.isdigit() else options.out
    with open(target, "w", buffering=1) as out:  # by lines, for replay.mjs reads them meanwhile
        recorder = Recorder(out, options.most)
        record_samples(recorder, options.ops, options.samples)
        record_modules(recorder, options.ops)
        if options.ops == "":
            record_plain(recorder)
        promotions = record_promotion(out) if options.ops == "" else 0
        out.write(json.dumps({"calls": sum(recorder.counts.values()), "overloads": len(recorder.counts), "promotions": promotions, "skipped": recorder.skipped}) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--most", type=int, default=12)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--ops", default="")
    main(parser.parse_args())
