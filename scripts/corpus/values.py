"""What the files of the corpus hold: one value of each kind that people keep in checkpoints, by name."""

import argparse
import collections
import copy
import datetime
import decimal
import fractions
import functools
import pathlib
import types
import uuid

import numpy as np
import torch
from torch import nn
from torch.torch_version import TorchVersion

from . import stubs


def python_values():
    counts = collections.Counter("abca")
    default = collections.defaultdict(list, {"a": [1], "b": [2, 3]})
    zone = datetime.timezone(datetime.timedelta(hours=-5, minutes=-30))
    moment = datetime.datetime(2024, 2, 29, 13, 5, 6, 70809)
    cyclic = {"name": "cycle"}
    cyclic["self"] = cyclic
    return {
        "namespace": argparse.Namespace(lr=0.1, arch="resnet50_ibn_a", nested=argparse.Namespace(a=[1, 2]), none=None),
        "namespace_empty": argparse.Namespace(),
        "simple_namespace": types.SimpleNamespace(a=1, b="x"),
        "defaultdict": default,
        "defaultdict_ints": collections.defaultdict(int, {1: 2, 3: 4}),
        "defaultdict_empty": collections.defaultdict(dict),
        "counter": counts,
        "deque": collections.deque([1, 2, 3], maxlen=5),
        "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
        "sets": [{1, 2, 3}, frozenset({"x"}), set(), frozenset()],
        "bytes": [b"", b"\x00\xff", bytearray(b"abc")],
        "numbers": [0, -1, 2**31, 2**63, -(2**70), 1e300, float("inf"), True, False, None],
        "complex": 1.5 - 2j,
        "range": range(0, 10, 3),
        "slice": slice(1, None, 2),
        "datetime": moment,
        "datetime_zone": [moment.replace(tzinfo=zone), moment.replace(tzinfo=datetime.timezone.utc)],
        "date": [datetime.date(1970, 1, 1), datetime.date(1, 1, 1)],
        "time": [datetime.time(1, 2, 3), datetime.time(23, 59, 59, 999999)],
        "timedelta": [datetime.timedelta(days=1, seconds=2, microseconds=3), datetime.timedelta(-1)],
        "timezone": zone,
        "paths": [pathlib.PurePosixPath("/data/imagenet"), pathlib.PurePosixPath("a/b"), pathlib.PurePosixPath(".")],
        "path": pathlib.Path("/tmp") / "x",
        "windows_path": [pathlib.PureWindowsPath("C:\\data\\x"), pathlib.PureWindowsPath("a\\b")],
        "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
        "decimal": [decimal.Decimal("1.50"), decimal.Decimal("-Infinity")],
        "fraction": [fractions.Fraction(1, 3), fractions.Fraction(-7)],
        "enum": [stubs.Color.RED, stubs.Color.BLUE, stubs.Mode.A],
        "namedtuple": stubs.Point(1, [2]),
        "dataclass": stubs.Settings(extra={"k": [1]}),
        "slots": stubs.Slots(),
        "newargs": stubs.WithNewArgs(1, b=[2]),
        "list_subclass": stubs.NamedList([1, 2]),
        "str_subclass": stubs.NamedText("text"),
        "partial": functools.partial(nn.LayerNorm, eps=1e-6),
        "class": [nn.ReLU, argparse.Namespace, stubs.Settings, int, dict, torch.optim.SGD, len],
        "integer_keys": {"0": "a", "1": "b", "10": "c", "2": "d", "x": "e"},
        "mixed_keys": {1: "a", "b": 2, (1, 2): 3, None: 4, 1.5: 5, True: 6},
        "surrogates": ["a\ud83db", "\udfff", "\U0001f600"],
        "cyclic": cyclic,
        "shared": (lambda one: [one, one, {"again": one}])([1, 2]),
        "deep": functools.reduce(lambda inner, _: [inner], range(80), "bottom"),
    }


def package_values():
    buffer = stubs.filled(stubs.HistoryBuffer, _log_history=np.array([0.5, 0.25]), _count_history=np.array([1, 1]), max_length=10)
    config = stubs.MMConfigDict(model=stubs.MMConfigDict(type="ResNet"))
    node = stubs.filled(stubs.CfgNode, __immutable__=True)
    node.update(MODEL="resnet", LR=0.1)
    return {
        "omegaconf": stubs.omegaconf_config(),
        "mmengine": {"message_hub": {"log_scalars": {"train/loss": buffer}}, "cfg": config},
        "lightning_callbacks": {stubs.ModelCheckpoint: {"best": 0.5}, stubs.EarlyStopping: {"wait": 3}},
        "lightning_hparams": stubs.AttributeDict(lr=0.1, layers=[1, 2]),
        "yacs": node,
        "easydict": stubs.EasyDict(a=1),
        "ignite": stubs.filled(stubs.Accuracy, _num_correct=torch.tensor(3), _num_examples=5),
        "packaging": stubs.filled(stubs.Version, _str="1.2", _key=(0, (1, 2))),
        "ultralytics_args": stubs.IterableSimpleNamespace(imgsz=640, data=pathlib.PurePosixPath("coco.yaml")),
    }


def numpy_values():
    grid = np.arange(12, dtype=np.float64).reshape(3, 4)
    numeric = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
    numeric += ["float16", "float32", "float64", "complex64", "complex128"]
    structured = np.array([(1, 2.5, "ab"), (3, 4.5, "c")], dtype=[("x", "<i4"), ("y", "<f8"), ("n", "U3")])
    state = np.random.RandomState(3)
    return {
        "np_arrays": {name: np.array([0, 1, 2]).astype(name) for name in numeric},
        "np_scalars": {name: np.array([1]).astype(name)[0] for name in numeric},
        "np_2d": grid,
        "np_fortran": np.asfortranarray(grid),
        "np_transposed": grid.T,
        "np_strided": grid[::2, 1::2],
        "np_0d": np.array(3.5),
        "np_empty": [np.zeros((0,)), np.zeros((2, 0, 3), dtype=np.int32)],
        "np_big_endian": [np.arange(4, dtype=">f4"), np.arange(3, dtype=">i8"), np.array([1 + 2j], dtype=">c16")],
        "np_big_scalar": np.dtype(">f8").type(2.5),
        "np_str": [np.str_("text"), np.str_(""), np.str_("\u2603")],
        "np_bytes": [np.bytes_(b"ab"), np.bytes_(b"")],
        "np_texts": np.array([["a", "bcd"], ["", "\u2603"]]),
        "np_byte_texts": np.array([b"a", b"bc"]),
        "np_objects": np.array([[1, "a"], [None, {"k": 2}]], dtype=object),
        "np_objects_fortran": np.asfortranarray(np.array([[1, "a", 2], [None, {"k": 2}, ()]], dtype=object)),
        "np_structured": structured,
        "np_record": structured[0],
        "np_datetime": [np.datetime64("2024-02-29"), np.datetime64("2024-02-29T01:02:03.456", "ms"), np.datetime64("NaT")],
        "np_datetime_units": [np.datetime64("2024", "Y"), np.datetime64("1969-11", "M"), np.datetime64("1969-12-31T23", "h")],
        "np_timedelta": [np.timedelta64(5, "D"), np.timedelta64(3, "ns")],
        "np_datetimes": np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]"),
        "np_longdouble": np.longdouble(1.5),
        "np_longdoubles": np.array([1.5, 2.5], dtype=np.longdouble),
        "np_dtype": [np.dtype("float32"), np.dtype(">i8"), np.dtype("U5"), np.dtype("datetime64[ns]")],
        "np_type": [np.float32, np.ndarray],
        "np_random_state": state,
        "np_get_state": state.get_state(),
        "np_generator": np.random.default_rng(0),
        "np_bit_generator": np.random.PCG64(0),
        "np_matrix": np.matrix([[1, 2], [3, 4]]),
        "np_shared": (lambda one: [one, one])(np.arange(3)),
        "np_bools": [np.bool_(True), np.array([True]), np.array([True])],
    }


CLASSIC = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex128"]


class Attributed(torch.Tensor):
    pass


stubs.put("research.project.Attributed", Attributed)


def torch_values():
    eye = torch.eye(4)[:, :3].contiguous()
    quantized = torch.quantize_per_tensor(torch.arange(6.0).reshape(2, 3), 0.1, 3, torch.quint8)
    scales, zeros = torch.tensor([0.1, 0.2], dtype=torch.float64), torch.tensor([0, 1])
    channel = torch.quantize_per_channel(torch.arange(6.0).reshape(2, 3), scales, zeros, 0, torch.qint8)
    attributed = nn.Parameter(torch.ones(2))
    attributed.tag = "kept beside"
    types_ = ["float32", "bfloat16", "float8_e4m3fn", "int64", "bool", "complex64", "uint16"]
    names = ["quint8", "qint8", "qint32", "quint4x2", "bits8", "uint4", "int3", "float4_e2m1fn_x2", "float32"]
    values = torch.arange(6.0)
    return {
        "storage": torch.tensor([1, 2]).storage(),
        "dtypes_classic": {name: torch.tensor([1, 0, 2]).to(getattr(torch, name)) for name in CLASSIC},
        "dtypes": {name: torch.tensor([1, 0, 2]).to(getattr(torch, name)) for name in types_},
        "dtype_names": [getattr(torch, name) for name in names],
        "size_device": [torch.Size([2, 3]), torch.device("cpu"), torch.device("cuda", 1), torch.strided, torch.sparse_coo],
        "qschemes": [torch.per_tensor_affine, torch.per_channel_symmetric],
        "torch_version": TorchVersion("2.1.0+cu118"),
        "parameter": nn.Parameter(torch.ones(2, 2)),
        "frozen_parameter": nn.Parameter(torch.ones(2), requires_grad=False),
        "attributed": attributed,
        "parameter_list": [nn.Parameter(torch.ones(1)), torch.ones(1, requires_grad=True)],
        "coo": eye.to_sparse(),
        "coo_uncoalesced": torch.sparse_coo_tensor([[0, 0], [1, 1]], [1.0, 2.0], (2, 3), check_invariants=True),
        "coo_hybrid": torch.sparse_coo_tensor([[0, 2]], torch.ones(2, 3), (4, 3)),
        "csr": eye.to_sparse_csr(),
        "csc": eye.to_sparse_csc(),
        "bsr": torch.eye(4).to_sparse_bsr((2, 2)),
        "bsc": torch.eye(4).to_sparse_bsc((2, 2)),
        "coo_parameter": nn.Parameter(eye.to_sparse()),
        "quantized": quantized,
        "quantized_view": quantized.t(),
        "quantized_int32": torch.quantize_per_tensor(torch.arange(4.0), 0.5, 0, torch.qint32),
        "quantized_channel": channel,
        "meta": torch.empty(2, 3, device="meta", dtype=torch.float16),
        "meta_parameter": nn.Parameter(torch.empty(1 << 40, device="meta")),
        "nested": torch.nested.nested_tensor([torch.ones(2, 3), torch.zeros(4, 3)]),
        "subclass": torch.ones(2).as_subclass(Attributed),
        "storages": [values.untyped_storage(), torch.tensor([1, 2]).storage()],
        "views": [values, values[2:], values.reshape(2, 3).t(), values[:1].expand(4)],
        "float_qparams": torch.quantize_per_channel(torch.rand(2, 3), torch.rand(2), torch.rand(2), 0, torch.quint8),
        "conj": torch.tensor([1 + 2j]).conj(),
        "scalars": [torch.tensor(1.5), torch.tensor(7)],
        "empty": [torch.empty(0), torch.empty(2, 0, 3)],
        "rng_state": torch.get_rng_state()[:64].clone(),
        "optimizer": torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9).state_dict(),
    }


def module_values():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    block = stubs.Bottleneck_IBN()
    buffers = stubs.Buffers()
    return {
        "module": model,
        "ibn_block": block,
        "buffers": buffers,
        "data_parallel": nn.DataParallel(block),
        "module_list": nn.ModuleDict({"a": nn.ModuleList([nn.Linear(1, 1)]), "b": nn.Identity()}),
        "half_module": copy.deepcopy(model).half(),
        "lstm": nn.LSTM(2, 3, bidirectional=True),
        "transformer": nn.TransformerEncoderLayer(4, 2, 8),
    }
