"""Reads a checkpoint into resnet50_ibn_a: the first time in a process, then warm; prints ms and the rise of resident MB.

    python bench/peers/checkpoint_load.py default|mmap|safetensors|safetensors-assign FILE
"""

import json
import os
import re
import statistics
import sys
import time

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from models import build  # noqa: E402

how, path = sys.argv[1:3]
WARMUP = 25
WARM = 15
if how.startswith("safetensors"):
    from safetensors.torch import load_file


def memory(field):
    return int(re.search(field + r":\s+(\d+)", open("/proc/self/status").read())[1]) / 1024


def read(model):
    if how.startswith("safetensors"):
        model.load_state_dict(load_file(path), assign=how.endswith("assign"))
    else:
        model.load_state_dict(torch.load(path, mmap=how == "mmap"), assign=how == "mmap")


def timed(work):
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


open("/proc/self/clear_refs", "w").write("5")
before = memory("VmRSS")
model = build("resnet50_ibn_a")
first = timed(lambda: read(model))
for value in model.state_dict().values():
    value.sum()
resident = memory("VmHWM") - before
for _ in range(WARMUP):
    read(model)
warm = statistics.median(timed(lambda: read(model)) for _ in range(WARM))
print(json.dumps({"warm": warm, "first": first, "resident": resident}))
