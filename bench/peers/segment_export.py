"""Writes the networks of bench/segment.mjs: NAME.pth, and NAME.onnx that gives the class of each pixel.

    python bench/peers/segment_export.py FOLDER HEIGHT WIDTH

ResNet-50-IBN-b, dilated, with the paper's head (fcn, output stride 8) or DeepLabV3+ (deeplabv3plus, output stride 16). Keys are this
package's; weights are drawn under seed 0, with running statistics of the maps of one image of noise, so that no map grows.
"""

import sys
import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.resnet import Bottleneck, ResNet

warnings.filterwarnings("ignore")


class Block(Bottleneck):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.IN = None

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out)) + (x if self.downsample is None else self.downsample(x))
        return self.relu(out if self.IN is None else self.IN(out))


class Backbone(ResNet):
    def __init__(self, dilations):
        super().__init__(Block, [3, 4, 6, 3])
        del self.fc, self.avgpool
        self.bn1 = nn.InstanceNorm2d(64, affine=True)
        self.layer1[2].IN = nn.InstanceNorm2d(256, affine=True)
        self.layer2[3].IN = nn.InstanceNorm2d(512, affine=True)
        for stage, dilation in dilations.items():
            for name, module in getattr(self, stage).named_modules():
                if name.endswith("conv2"):
                    module.dilation, module.padding, module.stride = (dilation,) * 2, (dilation,) * 2, (1, 1)
                elif name.endswith("downsample.0"):
                    module.stride = (1, 1)

    def forward(self, x):
        low = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(x)))))
        return low, self.layer4(self.layer3(self.layer2(low)))


def unit(inputs, outputs, dilation=0):
    conv = nn.Conv2d(inputs, outputs, 3 if dilation else 1, padding=dilation, dilation=dilation or 1, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


def up(x, size):
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


class FCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone({"layer3": 2, "layer4": 4})
        self.classifier = nn.Sequential(*unit(2048, 512, 1), nn.Dropout(0.1), nn.Conv2d(512, 19, 1))

    def forward(self, x):
        return up(self.classifier(self.backbone(x)[1]), x.shape[2:]).argmax(1)


class ASPP(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.ModuleList(nn.Sequential(*unit(2048, 256, rate)) for rate in [0, 6, 12, 18])
        self.img_conv = nn.Sequential(*unit(2048, 256))

    def forward(self, x):
        mean = self.img_conv(F.adaptive_avg_pool2d(x, 1))
        return torch.cat([up(mean, x.shape[2:]), *[part(x) for part in self.features]], 1)


class DeepLabV3Plus(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone({"layer4": 2})
        self.aspp = ASPP()
        self.bot_fine = nn.Sequential(*unit(256, 48))
        self.bot_aspp = nn.Sequential(*unit(1280, 256))
        self.final1 = nn.Sequential(*unit(304, 256, 1), *unit(256, 256, 1))
        self.final2 = nn.Sequential(nn.Conv2d(256, 19, 1))

    def forward(self, x):
        low, out = self.backbone(x)
        both = torch.cat([self.bot_fine(low), up(self.bot_aspp(self.aspp(out)), low.shape[2:])], 1)
        return up(self.final2(self.final1(both)), x.shape[2:]).argmax(1)


folder, height, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for name, build in {"fcn": FCN, "deeplabv3plus": DeepLabV3Plus}.items():
    torch.manual_seed(0)
    model = build()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()
        model(torch.randn(2, 3, 96, 128))
        for norm in norms:
            norm.momentum = 0.1
        model.eval()
        torch.save(model.state_dict(), f"{folder}/{name}.pth")
        example = torch.randn(1, 3, height, width)
        torch.onnx.export(model, example, f"{folder}/{name}.onnx", input_names=["x"], dynamo=False, opset_version=17)
print("{}")
