"""Records what PyTorch's modules give, for test/nn/module-db*.test.ts.

    PYTHONPATH=STUBS python scripts/modules/record.py test/fixtures/nn/modules conv pool norm pad other loss ctc-loss linear-loss recurrent transformer

The cases are those of torch.testing._internal.common_modules.module_db in float32 and those of extra.py beside this
file. Each file holds a family: constructor arguments, the state dict after construction under a seed, the repr, and
outputs and gradients of one forward under the next seed. STUBS is a folder with a file expecttest.py that has
`class TestCase: pass`, which torch's test code imports.
"""

import base64
import functools
import gzip
import inspect
import json
import sys
from pathlib import Path

import torch
from extra import EXTRA
from torch.nn.utils.rnn import PackedSequence
from torch.testing._internal.common_modules import module_db

CONSTRUCT, RUN = 11, 12
FAMILIES = {
    "conv": ("Conv", "Fold", "Unfold"),
    "pool": ("AvgPool", "MaxPool", "LPPool", "Unpool"),
    "norm": ("Norm", "LRN"),
    "pad": ("Pad",),
    "linear-loss": ("LinearCrossEntropy",),
    "ctc-loss": ("CTC",),
    "loss": ("Loss",),
    "recurrent": ("RNN", "GRU", "LSTM"),
    "transformer": ("Transformer", "MultiheadAttention"),
}
DTYPES = {torch.float32: "float32", torch.float64: "float64", torch.int64: "int64", torch.int32: "int32", torch.bool: "bool"}


def family(name):
    """The first family a name belongs to; what has none is an activation or another small layer."""
    if name == "GLU":
        return "other"
    return next((key for key, parts in FAMILIES.items() if any(part in name for part in parts)), "other")


class Built:
    """A module that a case has made, as class and arguments, to be made anew under the seed."""

    def __init__(self, cls, args, kwargs):
        self.cls, self.args, self.kwargs = cls, args, kwargs

    def make(self):
        return self.cls(*self.args, **self.kwargs)


def remembering(cls):
    """Lets instances tell what they were made with: module_db gives layers to TransformerEncoder."""
    init = cls.__init__

    @functools.wraps(init)
    def remember(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.__dict__["made_with"] = (args, kwargs)

    cls.__init__ = remember


def recipe(value):
    return Built(type(value), *value.made_with) if isinstance(value, torch.nn.Module) else value


def made(value):
    return value.make() if isinstance(value, Built) else value


def encode(value):
    if isinstance(value, Built):
        required, options = split(*bind(value.cls.__init__, value.args, value.kwargs))
        return {"module": value.cls.__name__, "required": encode(required), "options": encode_options(options)}
    if isinstance(value, PackedSequence):
        return {"packed": [encode(part) for part in value]}
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.Tensor):
        data = value.detach().contiguous().cpu().numpy().tobytes()
        return {
            "tensor": base64.b64encode(data).decode(),
            "dtype": DTYPES[value.dtype],
            "shape": list(value.shape),
            "requiresGrad": value.requires_grad,
        }
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return {"float": str(value)}
    if callable(value):
        return {"function": value.__name__}
    return value


def encode_options(options):
    return {name: encode(value) for name, value in options.items()}


def parameters_of(function):
    """Parameters by name; recurrent layers have those of their base, but for the mode."""
    parameters = dict(list(inspect.signature(function).parameters.items())[1:])
    if any(p.kind == p.VAR_POSITIONAL for p in parameters.values()):
        base = getattr(torch.nn, function.__qualname__.split(".")[0], None)
        if base is None or not issubclass(base, torch.nn.RNNBase):
            return {}
        parameters = dict(list(inspect.signature(torch.nn.RNNBase.__init__).parameters.items())[2:])
    return parameters


def as_declared(parameter, value):
    """A float where a float is declared: JavaScript has one kind of number, and prints these with a point."""
    declared = "" if parameter is None else str(parameter.annotation)
    isFloat = "float" in declared and "int" not in declared and "tuple" not in declared
    return float(value) if isFloat and isinstance(value, int) and not isinstance(value, bool) else value


def bind(function, args, kwargs):
    parameters = parameters_of(function)
    names = list(parameters)
    given = dict(zip(names, args)) | kwargs
    return {name: as_declared(parameters.get(name), value) for name, value in given.items()}, parameters


def split(given, parameters):
    """What torch requires, in its order, and the rest by name."""
    required = [n for n, p in parameters.items() if p.default is p.empty and n in given]
    return [given[n] for n in required], {n: v for n, v in given.items() if n not in required}


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [item for part in value for item in tensors(part)]
    return []


def weights(tensor):
    """Cotangents that the replay makes again."""
    return (torch.arange(tensor.numel()) % 7 - 3).to(tensor.dtype).div(3).reshape(tensor.shape)


def run(module, inputs):
    torch.manual_seed(RUN)
    outputs = tensors(module(*inputs))
    total = sum((y * weights(y)).sum() for y in outputs if y.requires_grad)
    if isinstance(total, torch.Tensor):
        total.backward()
    return outputs


def dense(tensor):
    return None if tensor is None else tensor.to_dense() if tensor.is_sparse else tensor


def forward_inputs(cls, forward):
    """In order, up to the last one given; what Transformers and attention do not require, by name."""
    bound, parameters = bind(cls.forward, *forward)
    if family(cls.__name__) == "transformer":
        return split(bound, parameters)
    last = max((i for i, n in enumerate(parameters) if n in bound), default=-1)
    return [bound.get(n, p.default) for n, p in list(parameters.items())[: last + 1]], {}


def record(cls, case, constructor, forward, training):
    args, kwargs = constructor
    given, parameters = bind(cls.__init__, [recipe(value) for value in args], kwargs)
    required, options = split(given, parameters)
    torch.manual_seed(CONSTRUCT)
    module = cls(*map(made, required), **options).to(torch.float32).train(training)
    state = [[key, encode(value)] for key, value in module.state_dict().items()]
    inputs, named = forward_inputs(cls, forward)
    # Before the run: layers may overwrite their input.
    leaves = [t for t in tensors(inputs) if t.requires_grad]
    recorded = encode(inputs)
    outputs = run(functools.partial(module, **named), inputs)
    return {
        "name": cls.__name__,
        "case": case,
        "training": training,
        "required": encode(required),
        "options": encode_options(options),
        "repr": repr(module),
        "state": state,
        "inputs": recorded,
        "inputOptions": encode_options(named),
        "outputs": encode(outputs),
        "inputGradients": [encode(dense(t.grad)) for t in leaves],
        "gradients": [[name, encode(dense(p.grad))] for name, p in module.named_parameters()],
        "buffers": [[name, encode(b)] for name, b in module.named_buffers()],
    }


def fresh(value):
    """Leaves of their own, as a layer may overwrite them."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, PackedSequence):
        return PackedSequence(*(fresh(part) for part in value))
    if isinstance(value, (list, tuple)):
        return type(value)(fresh(item) for item in value)
    return value


def cases_of(info, training):
    torch.manual_seed(0)
    make = info.module_inputs_func
    return make(info, device="cpu", dtype=torch.float32, requires_grad=True, training=training)


def from_database(wanted):
    for info in module_db:
        cls = info.module_cls
        if cls.__name__.startswith("Lazy") or family(cls.__name__) not in wanted:
            continue
        for training in (True, False) if info.train_and_eval_differ else (True,):
            for index, item in enumerate(cases_of(info, training)):
                # Chunks are a matter of memory: the cases without them have the numbers.
                if item.constructor_input.kwargs.get("options") is not None:
                    continue
                name = f"{index} {item.desc}".strip() + ("" if training else ", evaluation")
                args, kwargs = item.forward_input.args, item.forward_input.kwargs
                forward = (fresh(list(args)), {key: fresh(value) for key, value in kwargs.items()})
                kwargs = {key: value for key, value in item.constructor_input.kwargs.items() if key != "options"}
                constructor = (item.constructor_input.args, kwargs)
                yield record(cls, name, constructor, forward, training)


def from_extra(wanted):
    for index, (name, args, kwargs, inputs) in enumerate(EXTRA):
        if family(name) not in wanted:
            continue
        torch.manual_seed(index)
        cls = getattr(torch.nn, name)
        made = [value() if callable(value) else value for value in inputs]
        yield record(cls, f"extra {index}", (args, kwargs), (made, {}), True)
        yield record(cls, f"extra {index}, evaluation", (args, kwargs), (fresh(made), {}), False)


def main(folder, wanted):
    folder.mkdir(parents=True, exist_ok=True)
    remembering(torch.nn.TransformerEncoderLayer)
    families = {}
    for entry in [*from_database(wanted), *from_extra(wanted)]:
        families.setdefault(family(entry["name"]), []).append(entry)
    for name, entries in families.items():
        text = json.dumps({"torch": torch.__version__, "cases": entries}, separators=(",", ":"))
        path = folder / f"{name}.json.gz"
        path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
        print(f"{path}: {len(entries)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
