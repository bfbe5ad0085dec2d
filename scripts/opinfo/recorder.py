"""A mode that sees every call of an overload, composite ones and what they consist of, and writes each as a line.

The PreDispatch key comes before composite ops are taken apart. A call that was recorded is then run once more through
its own kernel, on copies and inside the mode: so come the calls that it is made of, at every level.
"""

import json
import types

import torch
from torch._C import DispatchKey
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.schema_check_mode import SchemaCheckMode

from observe import gradients, once, outcome, twice
from values import Encoder, Storages, Unsupported, copied, tensors_in
from variants import variants_of

KERNELS = (DispatchKey.CompositeImplicitAutograd, DispatchKey.CompositeExplicitAutograd,
           DispatchKey.CompositeExplicitAutogradNonFunctional, DispatchKey.CPU)  # fmt: skip
MOST_ALIKE = 3  # calls of one overload whose arguments are of the same kinds
MOST_ELEMENTS = 3000  # of one call's tensors


def kinds(value):
    if isinstance(value, torch.Tensor):
        return f"{value.dtype}{value.dim()}{value.layout}"
    if isinstance(value, (list, tuple)):
        return [kinds(item) for item in value[:2]]
    if isinstance(value, dict):
        return sorted((key, kinds(item)) for key, item in value.items())
    return str(value) if value is None or isinstance(value, (bool, str, torch.dtype)) else type(value).__name__


def too_large(args, kwargs):
    tensors = tensors_in([args, kwargs])
    return len(tensors) > 40 or sum(tensor.numel() for tensor in tensors) > MOST_ELEMENTS


def is_scalar(argument):
    return "number" in str(argument.type) or "Scalar" in str(argument.type)


def whole(value):
    if isinstance(value, (list, tuple)):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def as_integers(func, args, kwargs):
    """The arguments as JavaScript has them: whole numbers for Scalars are integers."""
    places = func._schema.arguments
    args = [whole(x) if is_scalar(places[i]) else x for i, x in enumerate(args)]
    scalars = {argument.name for argument in places if is_scalar(argument)}
    return args, {key: whole(x) if key in scalars else x for key, x in kwargs.items()}


# What SchemaCheckMode is for is not wanted: modes at PreDispatch must be of some class that torch knows.
class Recorder(SchemaCheckMode):
    def __init__(self, out, most):
        super().__init__()
        self._dispatch_key = DispatchKey.PreDispatch
        self.out, self.most = out, most
        self.counts, self.seen, self.alike, self.skipped = {}, set(), {}, {}

    def run(self, fn):
        with enable_python_dispatcher(), self:
            return fn()

    def __torch_dispatch__(self, func, _, args=(), kwargs=None):
        kwargs = kwargs or {}
        with torch._C._DisablePythonDispatcher():  # which has decompositions in Python
            recorded = func.namespace == "aten" and self.record(func, args, kwargs)
            inside = recorded and self.kernel_of(func)
            copies = copied([args, kwargs]) if inside else None
        if inside:
            self.descend(func, inside, *copies)
        with torch._C._DisablePythonDispatcher():
            return func(*args, **kwargs)

    def attempt(self, func, args, kwargs):
        try:
            self.run(lambda: func(*args, **kwargs))
        except Exception:  # refused, and recorded as such
            pass

    def kernel_of(self, func):
        found = next((key for key in KERNELS if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)), None)
        # Kernels that draw random numbers hold the generator's lock, which seeding takes.
        draws = found == DispatchKey.CPU and torch.Tag.nondeterministic_seeded in func.tags
        return None if draws else found

    def descend(self, func, kernel, args, kwargs):
        try:
            with torch.no_grad(), self:
                func._op_dk(kernel, *args, **kwargs)
        except Exception:  # refused calls are recorded as such before
            pass

    def record(self, func, args, kwargs, variants=True):
        """Writes the call unless there are enough like it; returns whether it did."""
        name = func.name()
        if too_large(args, kwargs):
            self.skipped[name] = "large tensors"
            return False
        if self.counts.get(name, 0) >= self.most:
            return False
        try:
            with torch.enable_grad():  # as for whoever calls an op; oneDNN's RNNs follow it
                key = f"{name}{kinds(args)}{kinds(kwargs)}"
                if self.alike.get(key, 0) >= MOST_ALIKE:
                    return False
                line = self.line(func, args, kwargs)
        except Unsupported as error:
            self.skipped[name] = str(error)
            return False
        if line is None:
            return False
        self.alike[key] = self.alike.get(key, 0) + 1
        self.counts[name] = self.counts.get(name, 0) + 1
        self.out.write(json.dumps(line, separators=(",", ":")) + "\n")
        if variants and "error" not in line:
            for variant, more in variants_of(func, args, kwargs, self.counts.get):
                self.record(variant, args, {**kwargs, **more}, variants=False)
        return True

    def line(self, func, args, kwargs):
        args, kwargs = copied([list(args), kwargs])
        storages = Storages(args, kwargs)
        encode = Encoder(storages)
        line = {"op": func._schema.name, "overload": func._schema.overload_name, "args": encode(args), "kwargs": encode(kwargs)}
        line["storages"] = storages.bytes()
        key = hash(json.dumps(line))
        if key in self.seen:
            return None
        self.seen.add(key)
        mutable = func._schema.is_mutable
        line.update(twice(lambda: outcome(func, mutable, args, kwargs)))
        self.add_ways(line, func, mutable, args, kwargs)
        if "error" not in line and tensors_in([args, kwargs]):
            grads = twice(lambda: gradients(func, mutable, args, kwargs))
            if grads is not None:
                line["grads"] = grads
        return line

    def add_ways(self, line, func, mutable, args, kwargs):
        """What the other ways to call give, where it is something else."""
        ways = {"packet": func.overloadpacket}
        method = getattr(torch.Tensor, func._schema.name.split("::")[1], None)
        if isinstance(method, types.MethodDescriptorType) and args and isinstance(args[0], torch.Tensor):
            ways["method"] = method
        other = {name: once(lambda: outcome(run, mutable, args, kwargs)) for name, run in ways.items()}
        numbers = as_integers(func, args, kwargs)
        if kinds(list(numbers)) != kinds([args, kwargs]):
            other["integers"] = once(lambda: outcome(func, mutable, *numbers))
        line["ways"] = {name: made for name, made in other.items() if not same(made, line)}
        if unfit(line["ways"].get("method")):
            del line["ways"]["method"]


def same(made, line):
    return all(made.get(key) == line.get(key) for key in ("result", "after", "error"))


def unfit(made):
    """Python's methods leave arguments out that the op has, `out` above all; this package's have them all."""
    return made is not None and made.get("error") == "TypeError"
