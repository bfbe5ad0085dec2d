"""Fine-tuning for PyTorch, as examples/fine-tuning does it: losses and accuracies of three epochs.

  node scripts/examples/photos.mjs FOLDER
  python scripts/examples/fine_tuning.py FOLDER > test/fixtures/examples/fine-tuning.json
"""
import json
import sys
from pathlib import Path

import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2


class IBN(nn.Module):
    def __init__(self, planes):
        super().__init__()
        self.half = planes // 2
        self.IN = nn.InstanceNorm2d(self.half, affine=True)
        self.BN = nn.BatchNorm2d(planes - self.half)

    def forward(self, x):
        first, rest = torch.split(x, self.half, 1)
        return torch.cat((self.IN(first.contiguous()), self.BN(rest.contiguous())), 1)


def resnet18_ibn_a():
    model = torchvision.models.resnet18()
    for layer in (model.layer1, model.layer2, model.layer3):
        for block in layer:
            block.bn1 = IBN(block.bn1.num_features)
    return model


def epoch_of(model, frozen, loader, optimizer=None):
    model.train(optimizer is not None)
    for part in frozen:
        part.eval()
    loss_sum = correct = count = 0
    for images, labels in loader:
        with torch.set_grad_enabled(optimizer is not None):
            logits = model(images)
            loss = nn.functional.cross_entropy(logits, labels)
        if optimizer:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item() * len(labels)
        correct += (logits.argmax(1) == labels).sum().item()
        count += len(labels)
    return round(loss_sum / count, 6), round(100 * correct / count, 4)


torch.set_num_threads(1)
torch.manual_seed(0)
folder = Path(sys.argv[1])
numbers = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
augment = v2.Compose([v2.RandomResizedCrop(32), v2.RandomHorizontalFlip(), *numbers])
plain = v2.Compose([v2.Resize(37), v2.CenterCrop(32), *numbers])
train = DataLoader(ImageFolder(folder / 'train', augment), batch_size=8, shuffle=True)
val = DataLoader(ImageFolder(folder / 'val', plain), batch_size=8)

model = resnet18_ibn_a()
model.load_state_dict(torch.load(folder / 'weights.pth', weights_only=True))
torch.manual_seed(0)
model.fc = nn.Linear(512, 2)
frozen = [model.conv1, model.bn1, model.relu, model.maxpool, model.layer1, model.layer2]
for part in frozen:
    part.requires_grad_(False)
body = [p for name, p in model.named_parameters() if p.requires_grad and not name.startswith('fc.')]
optimizer = torch.optim.SGD(
    [{'params': model.fc.parameters(), 'lr': 0.01}, {'params': body}], lr=0.001, momentum=0.9, fused=True)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.1)
epochs = []
for _ in range(3):
    train_loss, train_accuracy = epoch_of(model, frozen, train, optimizer)
    scheduler.step()
    val_loss, val_accuracy = epoch_of(model, frozen, val)
    epochs.append({'train': [train_loss, train_accuracy], 'val': [val_loss, val_accuracy]})
print(json.dumps({'torch': torch.__version__, 'epochs': epochs}))
