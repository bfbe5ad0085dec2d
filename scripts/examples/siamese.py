"""A Siamese network for PyTorch, as examples/siamese trains it in its test: losses and recall of two epochs.

  python scripts/examples/siamese.py > test/fixtures/examples/siamese.json
"""
import json

import torch
from torch import nn
from torch.nn import functional as F


def stripes(count, state):
    """The images of test/examples/stripes.ts, by the same generator."""
    pixels = torch.empty(count * 784)
    for i in range(len(pixels)):
        state = state * 48271 % 2147483647
        label = i // 784 % 10
        pixels[i] = (i // 28 % 28 % (label + 2) == 0) != (state / 2147483647 < 0.25)
    return (pixels.view(-1, 1, 28, 28) - 0.286) / 0.353, torch.arange(count) % 10, state


class SiameseNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten())
        self.embedding = nn.Linear(32 * 7 * 7, 8)

    def forward(self, images):
        return F.normalize(self.embedding(self.features(images)))


def pick_of(places, classes):
    return torch.stack([places[c][int(torch.rand([]).item() * len(places[c]))] for c in classes])


def recall_at_1(model):
    model.eval()
    with torch.inference_mode():
        embeddings = model(test_images)
        similarity = embeddings @ embeddings.t()
        similarity.fill_diagonal_(-1)
        return 100 * (test_labels[similarity.argmax(1)] == test_labels).float().mean().item()


torch.set_num_threads(1)
images, labels, state = stripes(320, 1)
test_images, test_labels, _ = stripes(100, state)
torch.manual_seed(0)
model = SiameseNetwork()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, fused=True)
criterion = nn.TripletMarginLoss(margin=0.3)
places = [(labels == c).nonzero().squeeze(1) for c in range(10)]
recalls, losses = [recall_at_1(model)], []
for _ in range(2):
    model.train()
    order = torch.randperm(len(images)).split(32)
    loss_sum = 0
    for anchors in order:
        others = (labels[anchors] + torch.randint(1, 10, labels[anchors].shape)) % 10
        positives, negatives = pick_of(places, labels[anchors]), pick_of(places, others)
        anchor, positive, negative = (model(images[i]) for i in (anchors, positives, negatives))
        loss = criterion(anchor, positive, negative)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item()
    losses.append(round(loss_sum / len(order), 6))
    recalls.append(recall_at_1(model))
print(json.dumps({'torch': torch.__version__, 'losses': losses, 'recalls': [round(r, 2) for r in recalls]}))
