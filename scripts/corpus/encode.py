"""What Python has after `torch.load`, in the form in which checkpoint-corpus.mjs writes what the package read.

An object of a class that is not read as data is what pickle itself would write of it (`__reduce_ex__`), so that the
expectation does not come from the reader under test.
"""

import argparse
import base64
import collections
import datetime
import decimal
import enum
import fractions
import pathlib
import types
import uuid

import numpy as np
import torch
from torch.torch_version import TorchVersion

NAMESPACES = (argparse.Namespace, types.SimpleNamespace)
VALUES = {
    datetime.datetime: lambda value: value.isoformat(),
    datetime.date: lambda value: value.isoformat(),
    datetime.time: lambda value: value.isoformat(),
    datetime.timedelta: lambda value: {"$float": repr(value.total_seconds())},
    datetime.timezone: lambda value: str(value).removeprefix("UTC") or "+00:00",
    decimal.Decimal: str,
    fractions.Fraction: str,
    uuid.UUID: str,
    np.datetime64: str,
}


def b64(data):
    return base64.b64encode(bytes(data)).decode()


def class_name(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


class Encoder:
    def __init__(self, protocol):
        self.protocol, self.seen, self.storages, self.kept = protocol, {}, {}, []

    def number(self, table, key, value):
        self.kept.append(value)
        return table.setdefault(key, len(table))

    def __call__(self, value):
        if value is None or type(value) in (bool, str):
            return value
        if type(value) is TorchVersion or isinstance(value, np.str_):
            return str(value)
        if type(value) is int:
            return value if abs(value) < 2**53 else {"$int": str(value)}
        if type(value) is float:
            return {"$float": repr(value)}
        if type(value) is complex:
            return {"$complex": [self(value.real), self(value.imag)]}
        if type(value) in (bytes, bytearray, np.bytes_):
            return {"$bytes": b64(value)}
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, (torch.TypedStorage, torch.UntypedStorage)):
            untyped = value.untyped() if isinstance(value, torch.TypedStorage) else value
            return {"$storage": b64(untyped)}
        if isinstance(value, (torch.dtype, torch.device, torch.layout, torch.memory_format, torch.qscheme)):
            return str(value).removeprefix("torch.")
        if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
            return {"$global": class_name(value)}
        return self.numpy(value) if type(value).__module__ == "numpy" else self.object(value)

    def numpy(self, value):
        if isinstance(value, np.ndarray):
            return self.array(value)
        if isinstance(value, (np.datetime64, np.void, np.longdouble, np.timedelta64)):
            return self.numpy_object(value)
        return self(value.item()) if isinstance(value, np.generic) else self.reduced(value)

    def numpy_object(self, value):
        if isinstance(value, np.datetime64):
            return {"$inert": "numpy.datetime64", "value": str(value)}
        if isinstance(value, np.timedelta64):
            unit, count = np.datetime_data(value.dtype)
            name = unit if count == 1 else f"{count}{unit}"
            return {"$inert": "numpy.timedelta64", "args": [self(int(value.astype("i8"))), name]}
        return {"$inert": class_name(type(value)), "data": b64(value.tobytes())}

    def array(self, value):
        if value.dtype.kind in "OUS":
            return self.nested(value.tolist(), value)
        order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        little = value.astype(value.dtype.newbyteorder("<"))
        if value.dtype.kind in "MmV" or value.dtype == np.longdouble:
            return {"$ndarray": {"shape": list(value.shape), "dtype": value.dtype.str, "data": b64(little.tobytes(order))}}
        tensor = torch.from_numpy(np.asarray(little, order="C"))
        sizes = value.shape if order == "C" else value.shape[::-1]
        steps = torch.empty(sizes, device="meta").stride()
        made = {"dtype": str(tensor.dtype).removeprefix("torch."), "size": list(value.shape)}
        made |= {"stride": list(steps if order == "C" else steps[::-1]), "offset": 0, "requiresGrad": False}
        made["storage"] = self.number(self.storages, f"numpy {id(value)}", value)
        return {"$tensor": made | {"storageBytes": value.nbytes, "data": b64(np.ascontiguousarray(little).tobytes())}}

    def nested(self, items, array):
        if not isinstance(items, list) or array.ndim == 0:
            return self(items)
        self.number(self.seen, object(), items)
        return [self.nested(item, array[at]) if array.ndim > 1 else self(item) for at, item in enumerate(items)]

    def object(self, value):
        if type(value) is torch.Size:
            self.number(self.seen, object(), value)
            return list(value)
        if type(value) is tuple:
            return {"$tuple": [self(item) for item in value]}
        if type(value) in VALUES or isinstance(value, pathlib.PurePath):
            return {"$inert": class_name(type(value)), "value": VALUES.get(type(value), str)(value)}
        if isinstance(value, np.dtype):
            return {"$inert": "numpy.dtype", "value": value.str}
        if id(value) in self.seen:
            return {"$same": self.seen[id(value)]}
        return self.container(value)

    def container(self, value):
        self.number(self.seen, id(value), value)
        if type(value) in (list, collections.deque):
            return [self(item) for item in value]
        if type(value) in (set, frozenset):
            return {"$set": sorted((self(item) for item in value), key=str)}
        if type(value) in NAMESPACES:
            return self.entries(vars(value), True)
        if type(value) in (dict, collections.defaultdict, collections.OrderedDict, collections.Counter):
            return self.entries(value, type(value) in (dict, collections.defaultdict))
        self.seen.pop(id(value))
        # Python 3.11 writes a member as an attribute of its class.
        if isinstance(value, enum.Enum) and value.__reduce_ex__(2)[0] is getattr:
            return {"$global": f"{class_name(type(value))}.{value.name}"}
        return self.reduced(value)

    def entries(self, value, is_object):
        def names(key):
            return type(key) is str and not (key.isdigit() and key.isascii() and str(int(key)) == key)

        entries = [[self(key), self(item)] for key, item in value.items()]
        return {"$object" if is_object and all(map(names, value)) else "$map": entries}

    def reduced(self, value):
        self.number(self.seen, id(value), value)
        func, args, *rest = value.__reduce_ex__(self.protocol)
        self.kept.append((args, rest))
        state, items, entries = (rest + [None, None, None])[:3]
        keywords = None
        if func.__name__ == "__newobj_ex__":
            func, args, keywords = args
        elif func.__name__ == "__newobj__":
            func, args = args[0], args[1:]
        made = {"$inert": class_name(func), "args": [self(item) for item in args]}
        made |= {"keywords": self(keywords)} if keywords else {}
        listed = list(items) if items is not None else []
        if listed:
            self.number(self.seen, object(), listed)
        made |= {"items": [self(item) for item in listed]} if listed else {}
        pairs = dict(entries) if entries is not None else {}
        if pairs:
            self.number(self.seen, object(), pairs)
        made |= {"entries": self.entries(pairs, False)} if pairs else {}
        return made | ({"state": self(state)} if state is not None else {})

    def tensor(self, value):
        if value.is_quantized:
            return self.quantized(value)
        if value.is_nested:
            return {"$nested": [self.numbers(part) for part in value.unbind()]}
        if value.device.type == "meta":
            return {"$meta": [str(value.dtype)[6:], list(value.shape), list(value.stride()), value.requires_grad]}
        if value.layout != torch.strided:
            return self.sparse(value.detach(), value.requires_grad)
        storage = value.untyped_storage()
        made = {"dtype": str(value.dtype).removeprefix("torch."), "size": list(value.shape), "stride": list(value.stride())}
        made |= {"offset": value.storage_offset(), "requiresGrad": value.requires_grad}
        key = storage.data_ptr() or id(value)
        made["storage"] = self.number(self.storages, key, value)
        return {"$tensor": made | {"storageBytes": storage.nbytes(), "data": self.numbers(value)}}

    def numbers(self, value):
        plain = torch.empty(value.shape, dtype=value.dtype).copy_(value.detach())
        return b64(plain.untyped_storage())

    def sparse(self, value, requires_grad):
        if value.layout == torch.sparse_coo:
            parts = [value._indices(), value._values()]
        elif value.layout in (torch.sparse_csr, torch.sparse_bsr):
            parts = [value.crow_indices(), value.col_indices(), value.values()]
        else:
            parts = [value.ccol_indices(), value.row_indices(), value.values()]
        coalesced = value.is_coalesced() if value.layout == torch.sparse_coo else None
        numbers = [[str(part.dtype)[6:], list(part.shape), self.numbers(part)] for part in parts]
        return {"$sparse": [str(value.layout)[6:], list(value.shape), coalesced, requires_grad, numbers]}

    def quantized(self, value):
        made = [str(value.dtype)[6:], list(value.shape), list(value.stride()), self.numbers(value.int_repr())]
        if value.qscheme() == torch.per_tensor_affine:
            return {"$quantized": [*made, self(value.q_scale()), value.q_zero_point()]}
        scales, zeros = value.q_per_channel_scales(), value.q_per_channel_zero_points()
        return {"$quantized": [*made, self.numbers(scales), self.numbers(zeros), value.q_per_channel_axis()]}
