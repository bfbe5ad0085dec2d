"""Writes a network's ONNX file, any batch size:  python export_onnx.py NETWORK WEIGHTS.pth FILE.onnx"""

import sys
import warnings

import torch

import models

network, weights, path = sys.argv[1:]
warnings.filterwarnings("ignore")
# The other exporter (dynamo=True) gives the same convolutions and norms, and takes ten times as long.
torch.onnx.export(
    models.load(network, weights),
    (torch.zeros(1, 3, 224, 224),),
    path,
    dynamo=False,
    opset_version=17,
    input_names=["input"],
    output_names=["output"],
    dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
)
