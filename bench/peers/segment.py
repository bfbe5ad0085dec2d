"""One network of bench/segment.mjs by ONNX Runtime: milliseconds for an image, and the process's peak of memory.

    python bench/peers/segment.py NETWORK.onnx IMAGE.f32 HEIGHT WIDTH LABELS RUNS
"""

import json
import resource
import sys
import time

import numpy as np
import onnxruntime

path, image, height, width, labels, runs = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 2
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
x = np.fromfile(image, np.float32).reshape(1, 3, int(height), int(width))
times = []
for _ in range(int(runs) + 1):
    began = time.perf_counter()
    (found,) = session.run(None, {"x": x})
    times.append(1000 * (time.perf_counter() - began))
found.astype(np.uint8).tofile(labels)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"ms": float(np.median(times[1:])), "peakMB": peak}))
