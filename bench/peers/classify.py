"""Classifies a folder as one would in Python: torch's DataLoader and ONNX Runtime.  python classify.py NET.onnx FOLDER BATCH"""

import json
import os
import sys

import numpy as np
import onnxruntime
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

network, folder, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
CORES = len(os.sched_getaffinity(0))


class Photos(Dataset):
    def __init__(self):
        self.paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        self.prepare = transforms.Compose(
            [
                transforms.Resize(256),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with Image.open(self.paths[index]) as image:
            return self.prepare(image.convert("RGB")), index


def main():
    torch.set_num_threads(1)
    data = Photos()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = CORES
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    for images, indices in DataLoader(data, batch_size=batch, num_workers=CORES):
        (logits,) = session.run(None, {"input": images.numpy()})
        powers = np.exp(logits - logits.max(1, keepdims=True))
        for row, index in zip(powers / powers.sum(1, keepdims=True), indices.tolist()):
            best = int(row.argmax())
            answer = {"path": data.paths[index], "predictions": [{"index": best, "probability": float(row[best])}]}
            print(json.dumps(answer))


main()
