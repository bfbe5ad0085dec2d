"""Epochs of torchvision's ImageFolder through torch's DataLoader: images a second, for each number of workers.

    python input_pipeline.py FOLDER WORKERS BATCH SECONDS
"""

import json
import os
import sys
import time

import torch
import torchvision
from torchvision import transforms

folder, workers, batch, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
transform = transforms.Compose([
    transforms.RandomResizedCrop(224),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])
data = torchvision.datasets.ImageFolder(folder, transform)
loader = torch.utils.data.DataLoader(data, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)


def epoch():
    return sum(labels.shape[0] for _, labels in loader)


def cpu_seconds():
    """Of this process and of its workers."""
    seconds = time.process_time()
    for worker in getattr(loader._iterator, "_workers", None) or []:
        with open(f"/proc/{worker.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


epoch()  # workers start, files are read once
images, start, cpu = 0, time.perf_counter(), cpu_seconds()
while time.perf_counter() - start < seconds:
    images += epoch()
elapsed, cpu = time.perf_counter() - start, cpu_seconds() - cpu
print(json.dumps({"images_per_second": images / elapsed, "cpu_ms_per_image": 1000 * cpu / images}))
