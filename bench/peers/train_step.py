"""Training steps of a network for train-step.mjs, by PyTorch as it is or by torch.compile.

python train_step.py '{"network": .., "batch": 16, "dtype": "float32", "channelsLast": true, "compile": false, "threads": 2}'
{"do": "time", "steps": 1}   milliseconds of a step, the last loss, the peak of resident memory
"""

import json
import resource
import sys
import time

from answers import answer  # before what may print

import torch
from torch.nn import functional as F

import models

settings = json.loads(sys.argv[1])
torch.set_num_threads(settings["threads"])
torch.manual_seed(0)
layout = torch.channels_last if settings["channelsLast"] else torch.contiguous_format
model = models.build(settings["network"]).to(memory_format=layout).train()
forward = torch.compile(model, dynamic=False) if settings["compile"] else model
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
inputs = torch.randn(settings["batch"], 3, 224, 224).contiguous(memory_format=layout)
labels = torch.randint(0, 1000, (settings["batch"],))
autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=settings["dtype"] == "bfloat16")


def step():
    with autocast:
        loss = F.cross_entropy(forward(inputs), labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def timed(steps):
    began = time.perf_counter()
    for _ in range(steps):
        loss = step()
    milliseconds = (time.perf_counter() - began) * 1000 / steps
    return {"ms": milliseconds, "loss": loss, "peakMB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024e-3}


for _ in range(2):
    step()
answer({"time": timed})
