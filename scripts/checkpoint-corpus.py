"""Makes a folder of checkpoints of every kind that people have, and `expected.json`, what Python reads of each.

Needs torch 2.13.0 (CPU), numpy and safetensors. `node scripts/checkpoint-corpus.mjs FOLDER` reads them all. Example:

    python scripts/checkpoint-corpus.py /tmp/corpus

`expected.json` has by file: `kind` (the key of the value), `value` (see corpus/encode.py), `weightsOnly` (whether
torch.load reads it with weights_only=True), or `blocked` for a file that must be refused.
"""

import collections
import io
import json
import pathlib
import sys
import warnings
import zipfile

import safetensors.torch
import torch
from corpus import hostile, values
from corpus.encode import Encoder

OUT = pathlib.Path(sys.argv[1])
EXPECTED = {}
PROTOCOLS = [2, 3, 4, 5]


def content(kind, value):
    weights = collections.OrderedDict([("conv.weight", torch.arange(4.0).reshape(2, 2)), ("conv.bias", torch.ones(2))])
    return {"epoch": 3, "state_dict": weights, kind: value, "after": [1, "end"]}


def weights_only(path):
    try:
        torch.load(path, weights_only=True)
    except Exception:
        return False
    return True


def add(name, kind, value, protocol, is_zip, is_module=False):
    path = OUT / f"{name}.pth"
    options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": is_zip}
    try:
        torch.save(content(kind, value), path, **options)
        loaded = torch.load(path, weights_only=False)[kind]
    except Exception as error:  # What Python cannot read itself proves nothing.
        print(f"left out {path.name}: {type(error).__name__}: {str(error)[:80]}")
        path.unlink(missing_ok=True)
        return
    shown = collections.OrderedDict(loaded.state_dict()) if is_module else loaded
    EXPECTED[path.name] = {"kind": kind, "value": Encoder(protocol)(shown), "isModule": is_module}
    EXPECTED[path.name]["weightsOnly"] = weights_only(path)


def add_all(kinds, is_module=False):
    for kind, value in kinds.items():
        for protocol in PROTOCOLS:
            if kind == "newargs" and protocol < 4:
                continue
            for form in ["zip", "legacy"]:
                add(f"{kind}.{form}.{protocol}", kind, value, protocol, form == "zip", is_module)


def rewrite(source, name, change):
    EXPECTED[name] = EXPECTED[source]
    (OUT / name).write_bytes(change((OUT / source).read_bytes()))


def deflated(data):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as plain, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for info in plain.infolist():
            archive.writestr(info.filename, plain.read(info))
    return out.getvalue()


def add_rewritten():
    for kind in ["quantized", "np_arrays", "views", "coo", "module", "buffers", "namespace", "dtypes"]:
        rewrite(f"{kind}.zip.2.pth", f"{kind}.deflated.pth", deflated)
        rewrite(f"{kind}.zip.2.pth", f"{kind}.nuls.pth", lambda data: data + bytes(16))


def add_safetensors():
    dtypes = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
    for dtype in [*dtypes, "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "complex64"]:
        made = collections.OrderedDict((name, torch.ones(shape).to(getattr(torch, dtype))) for name, shape in SHAPES)
        path = OUT / f"{dtype}.safetensors"
        safetensors.torch.save_file(made, path, metadata={"format": "pt"})
        header_order = collections.OrderedDict(sorted(safetensors.torch.load_file(path).items()))
        EXPECTED[path.name] = {"value": Encoder(2)(header_order), "weightsOnly": True}


def add_scripts():
    """Archives of TorchScript: compiled and traced."""
    kinds = values.module_values()
    images = torch.ones(1, 3, 3, 3)
    made = {"scripted": torch.jit.script(kinds["module"]), "scripted_lstm": torch.jit.script(kinds["lstm"])}
    made |= {"traced": torch.jit.trace(kinds["module"].eval(), images), "scripted_list": torch.jit.script(Layers())}
    for name, module in made.items():
        path = OUT / f"{name}.pth"
        module.save(path)
        state = collections.OrderedDict(torch.jit.load(path).state_dict())
        EXPECTED[path.name] = {"value": Encoder(2)(state), "isModule": True, "weightsOnly": False}


class Layers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)])
        self.again = self.layers[0]
        self.register_buffer("steps", torch.arange(3))
        self.names, self.plain = ["a", "b"], torch.ones(2)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.again(x) + self.plain.sum() + self.steps.sum() + len(self.names)


SHAPES = [("a", (2, 3)), ("b.c", ()), ("empty", (0, 2))]


def add_hostile():
    for name, evil, blocked in hostile.objects():
        for form, protocol in [("zip", 2), ("zip", 4), ("legacy", 2)]:
            path = OUT / f"hostile-{name}.{form}.{protocol}.pth"
            options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": form == "zip"}
            torch.save(content("bad", evil), path, **options)
            EXPECTED[path.name] = {"kind": "bad", "blocked": blocked}


def main():
    assert torch.__version__.startswith("2.13.0"), torch.__version__
    warnings.simplefilter("ignore")
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    for made in [values.python_values(), values.package_values(), values.numpy_values(), values.torch_values()]:
        add_all(made)
    add_all(values.module_values(), True)
    add_rewritten()
    add_safetensors()
    add_scripts()
    add_hostile()
    (OUT / "expected.json").write_text(json.dumps(EXPECTED))
    print(f"{len(EXPECTED)} files in {OUT}")


main()
