"""Writes scripts/pytorch/names.json: what PyTorch calls the things of docs/pytorch.md.

    python scripts/pytorch/names.py
"""

import inspect
import json
import re
from pathlib import Path

import torch
import torch.autograd.functional
from torch import nn
from torch.nn import functional
from torch.utils import data
from torchvision.transforms import v2

# What torch.nn.functional holds beside its functions: helpers of its own file.
HELPERS = {
    "Optional",
    "assert_int_or_pair",
    "boolean_dispatch",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
}


def modules():
    """Classes of modules, but the base."""
    members = inspect.getmembers(nn, inspect.isclass)
    return sorted(name for name, cls in members if issubclass(cls, nn.Module) and cls is not nn.Module)


def functions():
    names = [name for name in dir(functional) if not name.startswith("_") and name not in HELPERS]
    return sorted(n for n in names if callable(getattr(functional, n)) and not inspect.isclass(getattr(functional, n)))


# Of torch.utils.data, what belongs to torchdata's pipes.
PIPES = re.compile("Pipe|DataChunk|^_|datapipe|determin|validation")
# Of torchvision's functions, those of one kind of input.
KERNELS = re.compile("_(image|mask|bounding_boxes|video|keypoints|pil)$")


def root_functions():
    """What PyTorch's documentation lists under torch, and its functions that are several ops."""
    docs = json.loads((Path(__file__).parent.parent / "gen/doc-names.json").read_text())
    listed = {name for name, page in docs.items() if page == f"torch.{name}"}
    return sorted(name for name in listed | set(torch.functional.__all__) if hasattr(torch, name))


def of_torch(space):
    names = [name for name in dir(space) if not name.startswith("_") and name not in {"LinAlgError", "Tensor"}]
    return sorted(name for name in names if callable(getattr(space, name)))


def classes(space, base):
    members = inspect.getmembers(space, inspect.isclass)
    return sorted(name for name, cls in members if issubclass(cls, base) and not name.startswith("_"))


def transforms():
    return sorted(name for name, _ in inspect.getmembers(v2, inspect.isclass) if not name.startswith("_"))


def transform_functions():
    members = inspect.getmembers(v2.functional, inspect.isfunction)
    return sorted(name for name, _ in members if not name.startswith("_") and not KERNELS.search(name))


def methods(cls):
    """Those of the documentation: public, and not those of devices that no build here has."""
    names = [name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))]
    return sorted(name for name in names if name not in {"ipu", "mtia", "xpu"})


def of_file(space):
    """The functions that a module defines itself."""
    members = inspect.getmembers(space, inspect.isfunction)
    return sorted(name for name, f in members if f.__module__ == space.__name__ and not name.startswith("_"))


spaces = {
    "torch": root_functions(),
    "Tensor": methods(torch.Tensor),
    "linalg": of_torch(torch.linalg),
    "fft": of_torch(torch.fft),
    "special": of_torch(torch.special),
    "distributions": classes(torch.distributions, torch.distributions.Distribution) + ["kl_divergence"],
    "nn": modules(),
    "nn.Module": methods(nn.Module),
    "nn.functional": functions(),
    "nn.init": [name for name in of_file(nn.init) if name.endswith("_") or name == "calculate_gain"],
    "nn.utils": sorted(nn.utils.__all__),
    "nn.utils.parametrize": of_file(nn.utils.parametrize),
    "nn.utils.parametrizations": of_file(nn.utils.parametrizations),
    "nn.utils.rnn": sorted(nn.utils.rnn.__all__),
    "autograd": sorted(name for name in torch.autograd.__all__ if callable(getattr(torch.autograd, name))),
    "autograd.functional": sorted(torch.autograd.functional.__all__),
    "autograd.forward_ad": sorted(torch.autograd.forward_ad.__all__),
    "autograd.graph": sorted(torch.autograd.graph.__all__),
    "optim": classes(torch.optim, torch.optim.Optimizer),
    "optim.lr_scheduler": classes(torch.optim.lr_scheduler, torch.optim.lr_scheduler.LRScheduler),
    "optim.swa_utils": sorted(torch.optim.swa_utils.__all__),
    "utils.data": sorted(name for name in data.__all__ if not PIPES.search(name)),
    "transforms": transforms(),
    "transforms.functional": transform_functions(),
}
text = json.dumps({"torch": torch.__version__.split("+")[0], "spaces": spaces}, indent=1)
Path(__file__).with_name("names.json").write_text(text + "\n")
