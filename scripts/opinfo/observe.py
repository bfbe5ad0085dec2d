"""What a call gives: its result, what it wrote, its gradients, or the class of its error.

Everything runs twice, over memory that was filled differently: what then differs came from memory that nothing had
written, and only shapes are recorded of it (`varies`).
"""

import ctypes

import torch

from values import Copier, Encoder, Storages, Unsupported, copied, tensors_in

seed = torch.default_generator.manual_seed  # torch.manual_seed looks at every device
libc = ctypes.CDLL(None)
M_PERTURB = -6  # glibc's mallopt: what fresh memory is filled with
FILLS = (0x5A, 0xFF)  # inverted: 0xA5 and zeros


def fill_memory(byte):
    libc.mallopt(M_PERTURB, byte)


def attempt(run):
    try:
        return run()
    except Unsupported:
        raise
    except Exception as error:
        return {"error": kind_of(error), "message": str(error).split("\n")[0][:300]}


def kind_of(error):
    """The class, by the name of what Python's own functions raise: torch.ops has RuntimeError for unfit arguments too."""
    text = str(error)
    unfit = any(part in text for part in ("expected at most", "Expected a value of type", "is missing value for argument", "Unknown keyword argument", "Overloaded torch operator invoked"))  # fmt: skip
    return "TypeError" if unfit else type(error).__name__


def outcome(run, mutable, args, kwargs):
    args, kwargs = copied([args, kwargs])
    storages = Storages(args, kwargs)
    seed(0)
    result = run(*args, **kwargs)
    encode = Encoder(storages, results=True)
    made = {"result": encode(result)}
    if mutable:
        made["after"] = encode([args, list(kwargs.values())])
    return made


def cotangent(tensor):
    """Whatever, but not all alike: calls.mjs makes the same."""
    count = torch.arange(tensor.numel(), dtype=torch.float64)
    values = ((count * 7) % 11 - 5) / 4
    values = torch.complex(values, values * -0.5) if tensor.is_complex() else values
    return values.to(tensor.dtype).reshape(tensor.shape)


def differentiable(tensor):
    return (tensor.is_floating_point() or tensor.is_complex()) and tensor.device.type == "cpu"


class Leaves(Copier):
    """Copies whose floating tensors are leaves; written ones are made of leaves."""

    def __init__(self, mutable):
        super().__init__()
        self.mutable, self.leaves = mutable, []

    def tensor(self, tensor):
        made = super().tensor(tensor)
        if not differentiable(made) or made._is_zerotensor():
            return made
        self.leaves.append(made.requires_grad_())
        return made.clone() if self.mutable else made


def gradients(run, mutable, args, kwargs):
    """First and second derivatives with respect to all leaves."""
    if any(x.layout != torch.strided for x in tensors_in([args, kwargs])):
        return None
    copier = Leaves(mutable)
    args, kwargs = copier([args, kwargs])
    if not copier.leaves:
        return None
    seed(0)
    with torch.enable_grad():
        results = [x for x in tensors_in([run(*args, **kwargs)]) if x.requires_grad and x.layout == torch.strided]
        if not results:
            return None
        encode = Encoder(Storages(), results=True)
        first = torch.autograd.grad(results, copier.leaves, [cotangent(x) for x in results], create_graph=True, allow_unused=True)
        made = {"first": encode(list(first))}
        again = [x for x in first if x is not None and x.requires_grad and x.layout == torch.strided]
        if again:
            made["second"] = attempt(lambda: {"grads": encode(list(torch.autograd.grad(again, copier.leaves, [cotangent(x) for x in again], allow_unused=True)))})
        return made


def once(observe, byte=FILLS[0]):
    fill_memory(byte)
    try:
        return attempt(observe)
    finally:
        fill_memory(0)


def twice(observe):
    """The outcome, marked where it follows from memory that nothing had written."""
    first, second = [once(observe, byte) for byte in FILLS]
    if first is None or first == second:
        return first
    if "error" in first and first["error"] == second.get("error"):
        return first
    return {**first, "varies": True}
