"""One call that works of each op, from PyTorch's own test database (OpInfo), for test/bad-input/ops.test.ts.

    PYTHONPATH=STUBS python scripts/bad-input/good_calls.py test/fixtures/bad-input/good-calls.json.gz

Of the samples that the database has for an op, the one with the most arguments among those of few elements. STUBS as
in scripts/opinfo/record.py.
"""

import base64
import gzip
import json
import sys
import types
import warnings
from pathlib import Path

sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=object, assert_expected_inline=None))

import torch  # noqa: E402
from torch.testing._internal import common_methods_invocations as database  # noqa: E402
from torch.testing._internal.opinfo import core  # noqa: E402

core.extract_test_fn = lambda: None
MOST_ELEMENTS = 300
MOST_SAMPLES = 30
DTYPES = [torch.float32, torch.int64, torch.bool, torch.complex64]


class Unknown(Exception):
    """What the fixture has no way to hold."""


def encode(value):
    if isinstance(value, torch.Tensor):
        return encode_tensor(value)
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else {"float": str(value)}
    raise Unknown(type(value).__name__)


def encode_tensor(x):
    if x.layout != torch.strided or x.numel() > MOST_ELEMENTS or x.numel() == 0:
        raise Unknown("a sparse, large or empty tensor")
    plain = x.detach().resolve_conj().resolve_neg().contiguous()
    data = base64.b64encode(plain.view(-1).view(torch.uint8).numpy().tobytes()).decode()
    return {"tensor": data, "dtype": str(x.dtype).removeprefix("torch."), "shape": list(x.shape), "requiresGrad": False}


def count(sample):
    return len(sample.args) + len(sample.kwargs)


def call_of(info):
    dtype = next(dtype for dtype in DTYPES if dtype in info.dtypes)
    torch.manual_seed(1)
    found = None
    for place, sample in enumerate(info.sample_inputs("cpu", dtype, requires_grad=False)):
        if place == MOST_SAMPLES:
            break
        try:
            args = [encode(item) for item in (sample.input, *sample.args)]
            options = {key: encode(item) for key, item in sample.kwargs.items()}
            size = sum(len(json.dumps(item)) for item in args)
            if found is None or (count(sample), -size) > found[0]:
                found = (count(sample), -size), {"args": args, "options": options}
        except Unknown:
            continue
    return found and found[1]


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    calls = {}
    for info in database.op_db:
        call = None if info.name in calls or not any(dtype in info.dtypes for dtype in DTYPES) else call_of(info)
        if call is not None:
            for name in (info.name, *(alias.name for alias in info.aliases)):
                calls[name] = call
    text = json.dumps(calls, separators=(",", ":"))
    Path(sys.argv[1]).write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(calls)} ops")
