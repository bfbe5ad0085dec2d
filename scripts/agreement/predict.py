"""Writes a checkpoint of a network as Python does, and what Python predicts for every image of a folder.

    python predict.py FOLDER MODEL CHECKPOINT PREDICTIONS.json

The network has seeded weights, whose batch norms took their statistics from some of the images: without them all images would
be of one class.
"""

import json
import os
import sys

import torch
import torchvision
from torchvision import transforms

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "bench", "peers"))
import models  # noqa: E402

folder, name, checkpoint, predictions = sys.argv[1:]
transform = transforms.Compose([
    transforms.Resize(256),
    transforms.CenterCrop(224),
    transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])
data = torchvision.datasets.ImageFolder(os.path.join(folder, "val"), transform)
torch.manual_seed(0)
model = models.build(name)
for module in model.modules():
    if isinstance(module, torch.nn.BatchNorm2d):
        module.momentum = None  # the mean of all batches
model.train()
with torch.no_grad():
    for first in range(0, 96, 32):
        model(torch.stack([data[(first + i) * len(data) // 96][0] for i in range(32)]))
model.eval()
torch.save({"arch": name, "state_dict": model.state_dict()}, checkpoint)

rows = []
with torch.no_grad():
    for images, _ in torch.utils.data.DataLoader(data, 32):
        best = model(images).topk(2)
        rows += [
            {"class": int(classes[0]), "margin": float(values[0] - values[1])}
            for classes, values in zip(best.indices, best.values)
        ]
with open(predictions, "w") as file:
    json.dump({"paths": [os.path.relpath(path, folder) for path, _ in data.samples], "rows": rows}, file)
