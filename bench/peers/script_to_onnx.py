"""Writes the ONNX file of a TorchScript file, any batch size:  python script_to_onnx.py FILE.pt FILE.onnx 1,3,256,128"""

import sys
import warnings

import torch

script, path, shape = sys.argv[1:]
warnings.filterwarnings("ignore")
torch.onnx.export(
    torch.jit.load(script).eval(),
    (torch.zeros(*map(int, shape.split(","))),),
    path,
    dynamo=False,
    opset_version=17,
    input_names=["input"],
    output_names=["output"],
    dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
)
