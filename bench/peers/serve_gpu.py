"""A peer on a GPU that stays: commands as in serve.py, with times that wait for the GPU.

python serve_gpu.py '{"work": "inference|training", "network": .., "weights": .., "device": "cuda", "dtype": "float32|float16",
    "layout": "contiguous_format|channels_last", "mode": null|"max-autotune", "frozen": false, "tf32": true, "fused": false}'
{"do": "prepare", "batch": 8, "input": FILE, "output": FILE}   float32 files; the first run. Training: gives losses
{"do": "time", "batch": 8, "warmup": 2, "iterations": 10}      wall: ms of each run until the GPU is done; host: until the
                                                                call returns; queued: ms of a run when none waits
{"do": "memory"}                                               MB of the GPU at most
In training a run is a step: mixed precision (dtype), SGD with momentum.
"""

import json
import sys
import time

from answers import answer  # before what may print

import numpy
import torch

import models

settings = json.loads(sys.argv[1])

device = settings["device"]
dtype = getattr(torch, settings["dtype"])
layout = getattr(torch, settings["layout"])
if not settings.get("tf32", True):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
synchronize = torch.cuda.synchronize if device == "cuda" else lambda: None
STEPS = 5


def inference():
    model = models.load(settings["network"], settings["weights"]).to(device=device, dtype=dtype)
    forward = model = model.to(memory_format=layout)
    if settings.get("mode"):
        from torch._inductor import config

        config.freezing = bool(settings.get("frozen"))
        forward = torch.compile(model, mode=settings["mode"], dynamic=False)

    def run(x):
        with torch.inference_mode():
            return forward(x)

    return run


def training():
    model = models.load(settings["network"], settings["weights"]).requires_grad_(True)
    model = model.to(device=device).to(memory_format=layout).train()
    fused = True if settings.get("fused") else None
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4, fused=fused)
    scaler = torch.amp.GradScaler(device, enabled=dtype == torch.float16)
    criterion = torch.nn.CrossEntropyLoss()

    def run(x):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=dtype):
            loss = criterion(model(x), labels[x.shape[0]])
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return run


def prepare(batch, input, output):
    x = torch.from_numpy(numpy.fromfile(input, numpy.float32).reshape(batch, 3, 224, 224)).to(device)
    labels[batch] = torch.arange(batch, device=device) * 7 % 1000
    if settings["work"] == "training":
        x = inputs[batch] = x.contiguous(memory_format=layout)
        losses = [run(x).float().item() for _ in range(STEPS)]
        numpy.array(losses, numpy.float32).tofile(output)
        return {}
    x = inputs[batch] = x.to(dtype).contiguous(memory_format=layout)
    run(x).float().cpu().numpy().tofile(output)
    return {}


def timed(x):
    synchronize()
    start = time.perf_counter()
    y = run(x)
    called = time.perf_counter()
    synchronize()
    end = time.perf_counter()
    del y
    return (end - start) * 1000, (called - start) * 1000


def time_runs(batch, warmup, iterations):
    x = inputs[batch]
    for _ in range(warmup):
        run(x)
    runs = [timed(x) for _ in range(iterations)]
    synchronize()
    start = time.perf_counter()
    for _ in range(iterations):
        run(x)
    synchronize()
    queued = (time.perf_counter() - start) * 1000 / iterations
    return {"wall": [wall for wall, _ in runs], "host": [host for _, host in runs], "queued": queued}


def memory():
    return {"peak": torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None}


inputs, labels = {}, {}
run = training() if settings["work"] == "training" else inference()
commands = {"prepare": prepare, "time": time_runs, "memory": memory}
answer(commands)
