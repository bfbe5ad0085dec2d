"""The networks as the published code runs them, for the peers of the benchmarks: the same keys, the same ops."""

import math

import torch
from torch import nn
from torch.nn import functional as F

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
PLACEMENTS = {"a": ("a", "a", "a", None), "b": ("b", "b", None, None), None: (None,) * 4}


class IBN(nn.Module):
    """Instance normalisation of the first half of the channels, batch normalisation of the rest."""

    def __init__(self, planes):
        super().__init__()
        self.half = planes // 2
        self.IN = nn.InstanceNorm2d(self.half, affine=True)
        self.BN = nn.BatchNorm2d(planes - self.half)

    def forward(self, x):
        first, second = torch.split(x, self.half, 1)
        return torch.cat((self.IN(first.contiguous()), self.BN(second.contiguous())), 1)


class DenseIBN(nn.Module):
    """DenseNet's: batch normalisation of the first 60 % of the channels, instance normalisation of the rest."""

    def __init__(self, planes, ratio=0.4):
        super().__init__()
        self.half = int(planes * (1 - ratio))
        self.BN = nn.BatchNorm2d(self.half)
        self.IN = nn.InstanceNorm2d(planes - self.half, affine=True)

    def forward(self, x):
        first, second = torch.split(x, [self.half, x.shape[1] - self.half], 1)
        return torch.cat((self.BN(first.contiguous()), self.IN(second.contiguous())), 1)


class SELayer(nn.Module):
    def __init__(self, channels, reduction=16):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        batch, channels = x.shape[:2]
        gate = self.fc(self.avg_pool(x).view(batch, channels))
        return x * gate.view(batch, channels, 1, 1)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inplanes, planes, ibn, stride, downsample, **_):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = IBN(planes) if ibn == "a" else nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.IN = nn.InstanceNorm2d(planes, affine=True) if ibn == "b" else None
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out if self.IN is None else self.IN(out))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inplanes, planes, ibn, stride, downsample, groups=1, base_width=64, se=False):
        super().__init__()
        width = planes * base_width // 64 * groups
        self.conv1 = nn.Conv2d(inplanes, width, 1, bias=False)
        self.bn1 = IBN(width) if ibn == "a" else nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.IN = nn.InstanceNorm2d(planes * 4, affine=True) if ibn == "b" else None
        self.relu = nn.ReLU(inplace=True)
        self.se = SELayer(planes * 4) if se else None
        self.downsample = downsample

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.se is not None:
            out = self.se(out)
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out if self.IN is None else self.IN(out))


def stage(block, inplanes, planes, blocks, stride, ibn, **options):
    modules = []
    for i in range(blocks):
        first = i == 0
        downsample = None
        if first and (stride != 1 or inplanes != planes * block.expansion):
            downsample = nn.Sequential(
                nn.Conv2d(inplanes, planes * block.expansion, 1, stride, bias=False),
                nn.BatchNorm2d(planes * block.expansion),
            )
        placed = None if ibn == "b" and i < blocks - 1 else ibn
        modules.append(block(inplanes, planes, placed, stride if first else 1, downsample, **options))
        inplanes = planes * block.expansion
    return nn.Sequential(*modules)


class ResNet(nn.Module):
    """ResNet, ResNeXt and SE-ResNet, with or without IBN."""

    def __init__(self, block, layers, ibn_cfg, **options):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.InstanceNorm2d(64, affine=True) if ibn_cfg[0] == "b" else nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inplanes = 64
        for i, (blocks, ibn) in enumerate(zip(layers, ibn_cfg)):
            planes = 64 * 2**i
            built = stage(block, inplanes, planes, blocks, 1 if i == 0 else 2, ibn, **options)
            setattr(self, f"layer{i + 1}", built)
            inplanes = planes * block.expansion
        self.avgpool = nn.AvgPool2d(7)
        self.fc = nn.Linear(inplanes, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                module.weight.data.normal_(0, math.sqrt(2.0 / fan))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


class DenseLayer(nn.Module):
    def __init__(self, channels, growth, ibn):
        super().__init__()
        self.norm1 = DenseIBN(channels) if ibn else nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x):
        out = self.conv1(self.relu1(self.norm1(x)))
        out = self.conv2(self.relu2(self.norm2(out)))
        return torch.cat((x, out), 1)


class DenseNet(nn.Module):
    def __init__(self, layers, ibn, growth=32, stem=64):
        super().__init__()
        features = self.features = nn.Sequential()
        features.add_module("conv0", nn.Conv2d(3, stem, 7, 2, 3, bias=False))
        features.add_module("norm0", nn.BatchNorm2d(stem))
        features.add_module("relu0", nn.ReLU(inplace=True))
        features.add_module("pool0", nn.MaxPool2d(3, 2, 1))
        channels = stem
        for i, count in enumerate(layers):
            block = nn.Sequential()
            for j in range(count):
                placed = ibn and i < 3 and j % 3 == 0
                block.add_module(f"denselayer{j + 1}", DenseLayer(channels + j * growth, growth, placed))
            features.add_module(f"denseblock{i + 1}", block)
            channels += count * growth
            if i < 3:
                transition = nn.Sequential()
                transition.add_module("norm", nn.BatchNorm2d(channels))
                transition.add_module("relu", nn.ReLU(inplace=True))
                transition.add_module("conv", nn.Conv2d(channels, channels // 2, 1, bias=False))
                transition.add_module("pool", nn.AvgPool2d(2, 2))
                features.add_module(f"transition{i + 1}", transition)
                channels //= 2
        features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, 1000)

    def forward(self, x):
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(F.avg_pool2d(x, 7, 1).flatten(1))


DENSENETS = {
    "121": dict(layers=(6, 12, 24, 16)),
    "161": dict(layers=(6, 12, 36, 24), growth=48, stem=96),
    "169": dict(layers=(6, 12, 32, 32)),
    "201": dict(layers=(6, 12, 48, 32)),
}


def build(name):
    """The network of an entry point's name, such as resnet50_ibn_a or resnet50."""
    base, _, ibn = name.partition("_ibn_")
    ibn = ibn or None
    family = base.rstrip("0123456789")
    depth = base[len(family) :]
    if family == "densenet":
        return DenseNet(ibn=ibn == "a", **DENSENETS[depth])
    layers, placements = DEPTHS[int(depth)], PLACEMENTS[ibn]
    if family == "resnext":
        return ResNet(Bottleneck, layers, placements, groups=32, base_width=4)
    block = BasicBlock if int(depth) < 50 else Bottleneck
    return ResNet(block, layers, placements, **({"se": True} if family == "se_resnet" else {}))


def load(name, weights):
    """The network in eval mode with the weights that ibn-net saved; every key must fit."""
    with torch.device("meta"):
        model = build(name)
    model.load_state_dict(torch.load(weights, mmap=True, weights_only=True), assign=True)
    return model.eval().requires_grad_(False)
