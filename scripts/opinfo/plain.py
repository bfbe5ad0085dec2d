"""Calls made from schemas: of every overload that takes tensors and numbers alone, and that no sample reached."""

import itertools
import re

import torch

from values import copied

# Not for the CPU, or reading beyond memory, if not crashing, for arguments that its caller did not check.
LEFT_OUT = re.compile(
    "aten::(_?(cudnn|miopen|mps|cslt|nested|mkldnn|nnpack|vulkan|xnnpack|fbgemm|test_|philox|triton|cufft|thnn|efficient|flash|print|foobar)"
    "|.*(mps|vulkan|quantized|packed|prepack|fp16|int4|int8|semi_structured|nested|jagged|mkldnn|cudnn|_dual|batch_dim|from_file|pin_memory|sobol|dep_token|assert|sym_|xla|lazy|storage|backward|version|inference|distributed|make_|materialize|set_data|record_stream|retain_grad|requires_grad|is_leaf|output_nr|_backward|_fw_primal|_unsafe_|_compute_linear_combination|_convert_indices_from_csr_to_coo|_weight_norm))"
)
TENSORS = [
    lambda dtype: torch.tensor([[1, 2, 3], [4, 5, 6]]).to(dtype),
    lambda dtype: torch.tensor([[2, 1, 2], [1, 3, 1]]).to(dtype),
    lambda dtype: torch.tensor([[1, 0, 1], [0, 1, 1]]).to(dtype),
]
DTYPES = [torch.float32, torch.int64, torch.bool, torch.complex64, torch.float16]
NUMBERS = {"number": [2, 2.5, True], "int": [1], "float": [0.5], "bool": [True], "SymInt": [1], "List[int]": [[1]], "List[SymInt]": [[1]]}


def overloads():
    for name in sorted(torch._C._dispatch_get_all_op_names()):
        if name.startswith("aten::") and not LEFT_OUT.match(name):
            op, _, overload = name[6:].partition(".")
            try:
                yield getattr(getattr(torch.ops.aten, op), overload or "default")
            except (AttributeError, RuntimeError):  # without a schema
                continue


def is_out(argument):
    return argument.kwarg_only and argument.alias_info is not None


def choices(argument, place, dtype):
    """Values for one argument; None where there are none."""
    kind = str(argument.type)
    if kind == "Tensor":
        return [torch.empty(0, dtype=dtype) if is_out(argument) else TENSORS[min(place, 2)](dtype)]
    if kind == "List[Tensor]":
        return [[make(dtype) for make in TENSORS]]
    return NUMBERS.get(kind)


def calls(overload, dtype):
    required = [x for x in overload._schema.arguments if not x.has_default_value()]
    values = [choices(argument, place, dtype) for place, argument in enumerate(required)]
    if any(value is None for value in values):
        return
    for chosen in itertools.islice(itertools.product(*values), 4):
        args = [x for x, argument in zip(chosen, required) if not argument.kwarg_only]
        yield args, {argument.name: x for x, argument in zip(chosen, required) if argument.kwarg_only}


def record_plain(recorder):
    for overload in overloads():
        if recorder.counts.get(overload.name(), 0) > 0:
            continue
        for dtype in DTYPES:
            for args, kwargs in calls(overload, dtype):
                recorder.attempt(overload, *copied([args, kwargs]))
