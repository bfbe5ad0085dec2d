"""Values of calls as JSON, for record.py: tensors carry their bytes."""

import base64
import math

import torch


class Unsupported(Exception):
    """A value that the replay has no way to make."""


def encode_tensor(tensor):
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu" or tensor.is_nested:
        raise Unsupported(f"{tensor.layout} tensor on {tensor.device}")
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous()
    data = bytes(plain.reshape(-1).view(torch.uint8).numpy()) if plain.numel() else b""
    dtype = str(tensor.dtype).removeprefix("torch.")
    return {
        "tensor": base64.b64encode(data).decode(),
        "dtype": dtype,
        "shape": list(tensor.shape),
        "stride": list(tensor.stride()),
    }


def encode_float(value):
    return {"float": value if math.isfinite(value) else str(value)}


def encode(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, torch.Tensor):
        return encode_tensor(value)
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"bigint": str(value)}
    if isinstance(value, float):
        return encode_float(value)
    if isinstance(value, complex):
        return {"complex": [encode_float(value.real)["float"], encode_float(value.imag)["float"]]}
    if isinstance(value, (torch.dtype, torch.memory_format)):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.layout):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    raise Unsupported(type(value).__name__)
