"""The same call in other forms: into `out`, in place, as a copy."""

import functools

import torch

from values import copied


NEVER_RESIZED = ("aten::rrelu_with_noise.out",)  # libtorch 2.13 writes beyond an `out` that is too small
DISPATCHED = frozenset(torch._C._dispatch_get_all_op_names())  # TorchScript has some more


def packet_of(name):
    namespace, op = name.split("::")
    return getattr(getattr(torch.ops, namespace), op, None)


def is_out(argument):
    return argument.kwarg_only and argument.alias_info is not None and argument.alias_info.is_write


def signature(schema):
    return [(argument.name, str(argument.type)) for argument in schema.arguments if not is_out(argument)]


@functools.cache
def siblings(func):
    """Overloads that take the same arguments, but for where they write."""
    name = func._schema.name
    found = []
    for candidate in (name, f"{name}_", f"{name}_copy", f"{name}_out", f"{name}_outf", name.removesuffix("_")):
        packet = packet_of(candidate)
        overloads = [] if packet is None else [getattr(packet, overload) for overload in packet.overloads()]
        fits = lambda x: x.name() in DISPATCHED and signature(x._schema) == signature(func._schema)
        found += [x for x in overloads if x is not func and fits(x)]
    return found


def outs_of(variant, result, fresh):
    """Values for `out` arguments: empty, or of the result's shape."""
    names = [argument.name for argument in variant._schema.arguments if is_out(argument)]
    results = [result] if len(names) == 1 else list(result)
    make = lambda x: torch.empty(0, dtype=x.dtype) if fresh else torch.full(x.shape, 7, dtype=torch.float64).to(x.dtype)
    outs = [[make(item) for item in x] if isinstance(x, (list, tuple)) else make(x) for x in results]
    return dict(zip(names, outs, strict=True))


def variants_of(func, args, kwargs, count):
    if any(is_out(argument) for argument in func._schema.arguments):
        return
    for variant in siblings(func):
        if not any(is_out(argument) for argument in variant._schema.arguments):
            yield variant, {}
            continue
        try:
            copies, options = copied([list(args), kwargs])
            with torch.no_grad():
                result = func(*copies, **options)
            fresh = count(variant.name(), 0) % 3 != 1 and variant.name() not in NEVER_RESIZED
            yield variant, outs_of(variant, result, fresh)
        except Exception:  # results that `out` cannot hold
            continue
