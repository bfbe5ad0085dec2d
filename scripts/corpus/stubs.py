"""Classes by the names and with the state that packages have which are not needed here: only their pickles count."""

import collections
import dataclasses
import enum
import sys
import types

import numpy as np
import torch
from torch import nn


def put(path, cls):
    """Makes `cls` the class that pickles know as `path`."""
    module_name, _, name = path.rpartition(".")
    packages = module_name.split(".")
    for end in range(1, len(packages) + 1):
        sys.modules.setdefault(".".join(packages[:end]), types.ModuleType(".".join(packages[:end])))
    module = sys.modules[module_name]
    cls.__module__, cls.__qualname__, cls.__name__ = module_name, name, name
    setattr(module, name, cls)
    return cls


def stub(path, base=object, **members):
    return put(path, type(path.rpartition(".")[2], (base,), members))


ContainerMetadata = stub("omegaconf.base.ContainerMetadata")
Metadata = stub("omegaconf.base.Metadata")
AnyNode = stub("omegaconf.nodes.AnyNode")
DictConfig = stub("omegaconf.dictconfig.DictConfig")
ListConfig = stub("omegaconf.listconfig.ListConfig")
HistoryBuffer = stub("mmengine.logging.history_buffer.HistoryBuffer")
MMConfigDict = stub("mmengine.config.config.ConfigDict", dict)
ModelCheckpoint = stub("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint")
EarlyStopping = stub("pytorch_lightning.callbacks.early_stopping.EarlyStopping")
AttributeDict = stub("pytorch_lightning.utilities.parsing.AttributeDict", dict)
CfgNode = stub("yacs.config.CfgNode", dict)
EasyDict = stub("easydict.EasyDict", dict)
Accuracy = stub("ignite.metrics.accuracy.Accuracy")
Version = stub("packaging.version.Version")
IterableSimpleNamespace = stub("ultralytics.utils.IterableSimpleNamespace", types.SimpleNamespace)


def filled(cls, **state):
    made = cls.__new__(cls)
    made.__dict__.update(state)
    return made


def omegaconf_config():
    meta = filled(ContainerMetadata, ref_type=dict, object_type=dict, optional=True, key=None, flags={}, element_type=None)
    root = filled(DictConfig)
    leaf = filled(Metadata, ref_type=None, object_type=None, optional=True, key="lr", flags=None)
    node = filled(AnyNode, _metadata=leaf, _parent=root, _flags_cache=None, _val=0.1)
    layers = filled(ListConfig, _metadata=meta, _parent=root, _content=[node])
    root.__dict__.update(_metadata=meta, _parent=None, _content={"lr": node, "layers": layers}, _flags_cache=None)
    return root


class Color(enum.Enum):
    RED = 1
    BLUE = "blue"


class Mode(enum.IntFlag):
    A = 1
    B = 2


@dataclasses.dataclass
class Settings:
    lr: float = 0.1
    names: tuple = ("a", "b")
    extra: dict = dataclasses.field(default_factory=dict)


class Slots:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a, self.b = 1, [2]


class WithNewArgs:
    def __new__(cls, a, *, b):
        return super().__new__(cls)

    def __init__(self, a=None, *, b=None):
        self.a, self.b = a, b

    def __getnewargs_ex__(self):
        return (self.a,), {"b": self.b}


class NamedList(list):
    pass


class NamedText(str):
    pass


Point = collections.namedtuple("Point", "x y")
for name, cls in list(globals().items()):
    if isinstance(cls, type) and cls.__module__ == __name__:
        put(f"research.project.{name}", cls)
put("research.project.Point", Point)


def layer_a(planes):
    """IBN-Net's own class, as its repository has it."""
    half = planes // 2
    made = IBN()
    made.half = half
    made.IN, made.BN = nn.InstanceNorm2d(half, affine=True), nn.BatchNorm2d(planes - half)
    return made


class IBN(nn.Module):
    pass


class Bottleneck_IBN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 4, 1, bias=False), layer_a(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.IN, self.relu, self.downsample = None, nn.ReLU(inplace=True), None


class Buffers(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("kept", torch.arange(3))
        self.register_buffer("dropped", torch.ones(2), persistent=False)
        self.register_buffer("none", None)
        self.register_parameter("nothing", None)
        self.tied = nn.Linear(3, 3)
        self.same = self.tied
        self.head = nn.Linear(3, 3)
        self.head.weight = self.tied.weight
        self.half = nn.Linear(2, 2).half()
        self.rng = np.random.default_rng(0)


put("ibnnet.modules.IBN", IBN)
put("ibnnet.resnet_ibn.Bottleneck_IBN", Bottleneck_IBN)
put("ultralytics.nn.tasks.DetectionModel", Buffers)
