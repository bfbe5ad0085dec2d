"""Values of calls: copies that alias as the originals do, and JSON for replay.mjs.

Tensors are written as geometry over storages, so that a replay has the same strides, offsets and aliases. `Storages`
numbers the storages of one call's arguments.
"""

import base64
import math

import torch

MOST_BYTES = 1 << 14  # of one storage
QUANTIZED = (torch.per_tensor_affine, torch.per_tensor_symmetric)
COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


class Unsupported(Exception):
    """A value that the replay has no way to make."""


class Seeded(torch.Generator):
    """A generator at the start of seed 0, whatever the call gave."""


def short(value):
    return str(value).removeprefix("torch.")


def check(tensor):
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
        raise Unsupported(f"tensor of class {type(tensor).__name__}")
    if tensor.device.type not in ("cpu", "meta") or tensor.is_nested or tensor.layout == torch._mkldnn:
        raise Unsupported(f"{short(tensor.layout)} tensor on {tensor.device}")
    if tensor.layout == torch.strided and tensor.device.type == "cpu":
        if tensor.untyped_storage().nbytes() > MOST_BYTES:
            raise Unsupported("large tensor")


def physical(tensor):
    """The tensor without its lazy conjugation and negation, over the same memory."""
    plain = tensor.detach()
    plain = plain.conj() if plain.is_conj() else plain
    return torch._neg_view(plain) if plain.is_neg() else plain


def parts_of(tensor):
    """The dense tensors that a sparse one consists of."""
    if tensor.layout == torch.sparse_coo:
        return [tensor._indices(), tensor._values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]


def from_parts(parts, layout, size, coalesced):
    if layout == torch.sparse_coo:
        made = torch._sparse_coo_tensor_unsafe(*parts, size)
        return made._coalesced_(True) if coalesced else made
    return torch.ops.aten._sparse_compressed_tensor_unsafe(*parts, size, dtype=parts[-1].dtype, layout=layout)


class Copier:
    """Copies values; tensors over one storage stay over one."""

    def __init__(self):
        self.storages = {}

    def storage(self, storage):
        key = storage._cdata
        if key not in self.storages:
            self.storages[key] = (storage.clone(), storage)
        return self.storages[key][0]

    def tensor(self, tensor):
        check(tensor)
        tensor = tensor.detach()
        if tensor.device.type == "meta":
            return tensor
        if tensor.layout != torch.strided:
            coalesced = tensor.layout == torch.sparse_coo and tensor.is_coalesced()
            return from_parts([self.tensor(part) for part in parts_of(tensor)], tensor.layout, tensor.shape, coalesced)
        if tensor.is_quantized:
            return tensor.clone()
        if tensor._is_zerotensor():
            return torch._efficientzerotensor(tensor.shape, dtype=tensor.dtype)
        plain = physical(tensor)
        made = torch.empty(0, dtype=plain.dtype)
        made.set_(self.storage(plain.untyped_storage()), plain.storage_offset(), plain.shape, plain.stride())
        made = torch._neg_view(made) if tensor.is_neg() else made
        return made.conj() if tensor.is_conj() else made

    def __call__(self, value):
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, torch.UntypedStorage):
            return self.storage(value)
        if isinstance(value, torch.Generator):
            return Seeded().manual_seed(0)
        if isinstance(value, (list, tuple)):
            return [self(item) for item in value]
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        return value


def copied(value):
    return Copier()(value)


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return tensors_in(list(value.values()))
    return [x for item in value for x in tensors_in(item)] if isinstance(value, (list, tuple)) else []


def bytes_of(storage):
    flat = torch.empty(0, dtype=torch.uint8).set_(storage)
    return base64.b64encode(flat.numpy().tobytes()).decode()


class Storages:
    """The storages of one call's arguments, by number; their bytes at the time of `bytes`."""

    def __init__(self, *values):
        self.known = []
        for tensor in tensors_in(list(values)):
            for part in self.dense(tensor):
                self.index(part.untyped_storage())

    def dense(self, tensor):
        if tensor.device.type == "meta" or tensor._is_zerotensor() or tensor.is_quantized:
            return []
        return [tensor.detach()] if tensor.layout == torch.strided else parts_of(tensor.detach())

    def index(self, storage):
        for place, known in enumerate(self.known):
            if known._cdata == storage._cdata:
                return place
        self.known.append(storage)
        return len(self.known) - 1

    def find(self, storage):
        """The number of the argument's storage that a result shares; -1 for memory of its own."""
        if storage.nbytes() == 0:
            return -1
        pointers = [known.data_ptr() for known in self.known]
        return pointers.index(storage.data_ptr()) if storage.data_ptr() in pointers else -1

    def bytes(self):
        return [bytes_of(storage) for storage in self.known]


def geometry(tensor):
    return {"dtype": short(tensor.dtype), "shape": list(tensor.shape), "stride": list(tensor.stride())}


def flags(tensor):
    return ("c" if tensor.is_conj() else "") + ("n" if tensor.is_neg() else "") + ("z" if tensor._is_zerotensor() else "")


def quantizer(tensor):
    if tensor.qscheme() not in QUANTIZED:
        raise Unsupported(str(tensor.qscheme()))
    return {"scale": tensor.q_scale(), "zero": tensor.q_zero_point()}


def sparse(tensor, encode):
    coalesced = tensor.layout == torch.sparse_coo and tensor.is_coalesced()
    parts = [encode(part) for part in parts_of(tensor.detach())]
    return {"sparse": parts, "layout": short(tensor.layout), "shape": list(tensor.shape), "coalesced": coalesced}


class Encoder:
    """Values as JSON: tensors among the arguments name storages, results carry their bytes."""

    def __init__(self, storages, results=False):
        self.storages, self.results = storages, results

    def tensor(self, tensor):
        check(tensor)
        if tensor.device.type == "meta":
            return {"meta": True, **geometry(tensor)}
        if tensor.layout != torch.strided:
            return sparse(tensor, self)
        if tensor.is_quantized:
            return {**self.dense(tensor.int_repr()), "dtype": short(tensor.dtype), "quantized": quantizer(tensor)}
        if tensor._is_zerotensor():
            return {"zeros": True, **geometry(tensor)}
        return self.dense(tensor) if self.results else self.placed(tensor)

    def dense(self, tensor):
        plain = tensor.detach().resolve_conj().resolve_neg().reshape(-1)
        data = torch.empty(plain.shape, dtype=plain.dtype).copy_(plain)
        data = data.view(torch.uint8).numpy().tobytes() if plain.numel() else b""
        alias = self.storages.find(tensor.untyped_storage())
        return {"tensor": base64.b64encode(data).decode(), **geometry(tensor), "flags": flags(tensor), "alias": alias}

    def placed(self, tensor):
        storage = self.storages.index(tensor.detach().untyped_storage())
        return {"storage": storage, "offset": tensor.storage_offset(), **geometry(tensor), "flags": flags(tensor)}

    def number(self, value):
        if isinstance(value, int):
            return value if abs(value) < 2**53 else {"bigint": str(value)}
        if isinstance(value, complex):
            return {"complex": [self.number(value.real)["float"], self.number(value.imag)["float"]]}
        return {"float": value if math.isfinite(value) else str(value)}

    def __call__(self, value):
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, (int, float, complex)):
            return self.number(value)
        if isinstance(value, (torch.dtype, torch.memory_format, torch.layout, torch.device, torch.qscheme)):
            return short(value)
        if isinstance(value, torch.Generator):
            return {"generator": 0}
        if isinstance(value, torch.UntypedStorage):
            return {"untyped": self.storages.index(value)}
        if isinstance(value, (list, tuple)):
            return [self(item) for item in value]
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        raise Unsupported(type(value).__name__)
