"""One rank of bench/ddp.mjs: medians over blocks of steps in turn."""

import json
import statistics
import time

import torch
import torch.distributed as dist
from models import build
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

BLOCKS = 5
STEPS = 3

torch.set_num_threads(1)
dist.init_process_group("gloo")
torch.manual_seed(dist.get_rank())
model = build("resnet18_ibn_a")
ddp = DistributedDataParallel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
images, labels = torch.randn(2, 3, 224, 224), torch.randint(0, 1000, (2,))


def backward(called):
    optimizer.zero_grad()
    F.cross_entropy(called(images), labels).backward()


def alone():
    with ddp.no_sync():
        backward(model)
    optimizer.step()


def with_ddp():
    backward(ddp)
    optimizer.step()


def after():
    with ddp.no_sync():
        backward(model)
    for parameter in model.parameters():
        dist.all_reduce(parameter.grad)
        parameter.grad.div_(2)
    optimizer.step()


ways = {"aloneMs": alone, "ddpMs": with_ddp, "afterMs": after}
times = {name: [] for name in ways}
for block in range(BLOCKS + 1):
    for name, step in ways.items():
        dist.barrier()
        began = time.perf_counter()
        for _ in range(STEPS):
            step()
        dist.barrier()
        if block > 0:
            times[name].append((time.perf_counter() - began) * 1000 / STEPS)
print(json.dumps({name: statistics.median(all_) for name, all_ in times.items()}))
dist.destroy_process_group()
