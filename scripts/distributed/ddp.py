"""Trains a small network with DistributedDataParallel, as one rank of a group; and records what two ranks give.

    RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 python scripts/distributed/ddp.py rank START OUT
    python scripts/distributed/ddp.py record test/fixtures/distributed      # torch 2.13

`test/distributed/ddp-program.mjs` is the same program with this package; tests let ranks of both be one group.
"""

import os
import subprocess
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

STEPS = 6
BATCH = 4


def network():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


def batch(data, step, rank):
    begin = (step * 2 + rank) * BATCH
    return data["images"][begin : begin + BATCH], data["labels"][begin : begin + BATCH]


def run_rank(start, out):
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    data = torch.load(start)
    model = network()
    # Rank 1 begins with other weights: the group takes those of rank 0.
    if rank == 0:
        model.load_state_dict(data["state_dict"])
    ddp = DistributedDataParallel(model, bucket_cap_mb=0.001)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for step in range(STEPS):
        images, labels = batch(data, step, rank)
        if step == 3:  # gradients of two batches make one step
            with ddp.no_sync():
                nn.functional.cross_entropy(ddp(images), labels).backward()
            continue
        loss = nn.functional.cross_entropy(ddp(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    torch.save({"state_dict": ddp.state_dict(), "losses": losses}, f"{out}.{rank}.pth")
    gathered = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, {"rank": rank, "losses": losses})
    assert [entry["rank"] for entry in gathered] == list(range(len(gathered))), gathered
    dist.barrier()
    dist.destroy_process_group()


def record(folder):
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(7)
    count = STEPS * 2 * BATCH
    images = torch.randn(count, 3, 8, 8)
    start = os.path.join(folder, "start.pth")
    torch.save(
        {
            "images": images,
            "labels": torch.randint(0, 5, (count,)),
            "state_dict": network().state_dict(),
        },
        start,
    )
    out = os.path.join(folder, "python")
    env = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29517"}
    ranks = [
        subprocess.Popen([sys.executable, __file__, "rank", start, out], env={**env, "RANK": str(rank)})
        for rank in range(2)
    ]
    assert [rank.wait() for rank in ranks] == [0, 0]


if __name__ == "__main__":
    if sys.argv[1] == "record":
        record(sys.argv[2])
    else:
        run_rank(sys.argv[2], sys.argv[3])
