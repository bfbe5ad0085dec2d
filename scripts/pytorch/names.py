"""Writes scripts/pytorch/names.json: what PyTorch calls the things of docs/pytorch.md.

    python scripts/pytorch/names.py
"""

import inspect
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

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


spaces = {"nn": modules(), "nn.functional": functions()}
text = json.dumps({"torch": torch.__version__.split("+")[0], "spaces": spaces}, indent=1)
Path(__file__).with_name("names.json").write_text(text + "\n")
