"""Holds ONNX files against what the network gave: onnx's checker with shape inference, then ONNX Runtime.

Reads one JSON object a line from stdin (model, and runs of inputs and outputs as float32 files) and answers with one.
Started by check.mjs; needs the packages onnx and onnxruntime.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime


def read(value: dict) -> np.ndarray:
    return np.fromfile(value['file'], dtype=value['dtype']).reshape(value['shape'])


def difference(got: np.ndarray, want: np.ndarray) -> float:
    """The largest difference, over the largest number wanted."""
    assert got.shape == want.shape and got.dtype == want.dtype, f'{got.dtype} {got.shape}, not {want.dtype} {want.shape}'
    if want.size == 0:
        return 0.0
    assert np.isfinite(want).all() and want.any()
    gap = np.abs(got.astype(np.float64) - want.astype(np.float64)).max()
    return float(gap / np.abs(want.astype(np.float64)).max())


def check(task: dict) -> dict:
    onnx.checker.check_model(task['model'], full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(task['model'], options, providers=['CPUExecutionProvider'])
    names = [value.name for value in session.get_inputs()]
    worst = 0.0
    for run in task['runs']:
        got = session.run(None, dict(zip(names, map(read, run['inputs']), strict=True)))
        worst = max(worst, *(difference(a, read(b)) for a, b in zip(got, run['outputs'], strict=True)))
    return {'worst': worst}


for line in sys.stdin:
    try:
        answer = check(json.loads(line))
    except Exception as error:
        answer = {'error': f'{type(error).__name__}: {error}'}
    print(json.dumps(answer), flush=True)
