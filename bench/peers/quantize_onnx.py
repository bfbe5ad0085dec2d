"""Quantises an ONNX file by ONNX Runtime's own static quantisation:  python quantize_onnx.py FILE.onnx IMAGES.bin OUT.onnx

IMAGES.bin is float32 (N, 3, 224, 224). QDQ, uint8 activations and int8 weights for each channel, as its documentation
advises for processors with VNNI; the file is prepared by its shape inference and optimizer before.
"""

import os
import sys
import tempfile

import numpy
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

source, images, path = sys.argv[1:]


class Images(CalibrationDataReader):
    def __init__(self):
        self.batches = iter(numpy.fromfile(images, numpy.float32).reshape(-1, 1, 3, 224, 224))

    def get_next(self):
        batch = next(self.batches, None)
        return None if batch is None else {"input": batch}


with tempfile.TemporaryDirectory() as folder:
    prepared = os.path.join(folder, "prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        path,
        Images(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
