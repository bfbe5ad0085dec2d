import json
import timeit

import torch
from torch import nn

from models import build

torch.set_num_threads(1)


def time(fn, calls, blocks=15):
    """Median of the blocks, microseconds a call."""
    timer = timeit.Timer(fn)
    timer.timeit(calls)
    return sorted(t / calls * 1e6 for t in timer.repeat(blocks, calls))[blocks // 2]


linear = nn.Linear(8, 8)
row = torch.randn(1, 8)
result = {"linear": time(lambda: linear(row), 10_000)}

mlp = nn.Sequential(*[layer for _ in range(20) for layer in (nn.Linear(8, 8), nn.ReLU())])
sgd = torch.optim.SGD(mlp.parameters(), lr=1e-3)
target = torch.randn(1, 8)
criterion = nn.MSELoss()


def step():
    sgd.zero_grad()
    criterion(mlp(row), target).backward()
    sgd.step()


result["mlp_step"] = time(step, 200)

resnet = build("resnet50_ibn_a")
for parameter in resnet.parameters():
    parameter.grad = torch.randn_like(parameter)
adamw = torch.optim.AdamW(resnet.parameters())
result["adamw_step"] = time(adamw.step, 3, 7)
print(json.dumps(result))
