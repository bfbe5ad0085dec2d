"""A peer that stays: loads a network once, then answers commands, one JSON object a line, with lines that begin with @.

python serve.py '{"engine": "eager|eager_cl|inductor|inductor_cl|onnxruntime", "network": .., "weights": .., "file": ..,
                  "dtype": "float32|bfloat16", "threads": 2}'
{"do": "prepare", "batch": 8, "input": FILE, "output": FILE}   float32 files; the first run
{"do": "time", "batch": 8, "warmup": 2, "iterations": 10}      gives ms of each run after the warm-up
{"do": "memory"}                                               resident MB, now and at most
"""

import json
import sys
import time

from answers import answer  # before what may print

import numpy

settings = json.loads(sys.argv[1])



def torch_engine():
    import torch

    import models

    torch.set_num_threads(settings["threads"])
    engine, dtype = settings["engine"], getattr(torch, settings["dtype"])
    layout = torch.channels_last if engine.endswith("_cl") else torch.contiguous_format
    model = models.load(settings["network"], settings["weights"]).to(dtype).to(memory_format=layout)
    forward = model
    if engine.startswith("inductor"):
        import torch._inductor.config

        torch._inductor.config.freezing = True
        forward = torch.compile(model, dynamic=False)

    def feed(array):
        return torch.from_numpy(array).to(dtype).contiguous(memory_format=layout)

    def run(x):
        with torch.inference_mode():
            return forward(x)

    return feed, run, lambda y: y.float().numpy()


def onnxruntime_engine():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings["threads"]
    session = onnxruntime.InferenceSession(settings["file"], options, providers=["CPUExecutionProvider"])
    return lambda x: x, lambda x: session.run(None, {"input": x})[0], lambda y: y


def memory():
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return {key: int(fields[name].split()[0]) / 1024 for key, name in (("resident", "VmRSS"), ("peak", "VmHWM"))}


def timed(x):
    start = time.perf_counter()
    run(x)
    return (time.perf_counter() - start) * 1000


def prepare(batch, input, output):
    x = inputs[batch] = feed(numpy.fromfile(input, numpy.float32).reshape(batch, 3, 224, 224))
    finish(run(x)).astype(numpy.float32).tofile(output)
    return {}


def time_runs(batch, warmup, iterations):
    x = inputs[batch]
    for _ in range(warmup):
        run(x)
    return {"times": [timed(x) for _ in range(iterations)]}


inputs = {}
if settings["engine"] == "convolution_peak":
    import convolution_peak

    commands = convolution_peak.commands(settings)
else:
    feed, run, finish = onnxruntime_engine() if settings["engine"] == "onnxruntime" else torch_engine()
    commands = {"prepare": prepare, "time": time_runs, "memory": memory}
answer(commands)
