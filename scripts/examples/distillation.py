"""Distillation for PyTorch, as examples/distillation computes it: losses and accuracies of three epochs.

  node scripts/examples/clothing.mjs FOLDER
  python scripts/examples/distillation.py FOLDER > test/fixtures/examples/distillation.json
"""
import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

root = Path(__file__).parents[2]


class IBN(nn.Module):
    def __init__(self, planes):
        super().__init__()
        self.half = planes // 2
        self.IN = nn.InstanceNorm2d(self.half, affine=True)
        self.BN = nn.BatchNorm2d(planes - self.half)

    def forward(self, x):
        first, rest = torch.split(x, self.half, 1)
        return torch.cat((self.IN(first.contiguous()), self.BN(rest.contiguous())), 1)


class Block(nn.Module):
    def __init__(self, inplanes, planes, stride, norm):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = norm(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = nn.Identity()
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.downsample(x))


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1, IBN))
        self.layer2 = nn.Sequential(Block(16, 32, 2, IBN))
        self.layer3 = nn.Sequential(Block(32, 64, 2, IBN))
        self.layer4 = nn.Sequential(Block(64, 128, 2, nn.BatchNorm2d))
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.1), nn.Linear(256, 10))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def read_data(folder, prefix):
    images = (folder / f'{prefix}-images-idx3-ubyte').read_bytes()[16:]
    labels = (folder / f'{prefix}-labels-idx1-ubyte').read_bytes()[8:]
    pixels = torch.frombuffer(bytearray(images), dtype=torch.uint8).view(-1, 1, 28, 28)
    labels = torch.frombuffer(bytearray(labels), dtype=torch.uint8).long()
    return (pixels / 255 - 0.286) / 0.353, labels


def train_student(teacher, images, labels):
    torch.manual_seed(0)
    student = Student()
    optimizer = torch.optim.Adam(student.parameters(), lr=0.001, fused=True)
    losses = []
    for _ in range(3):
        student.train()
        order = torch.randperm(len(images)).split(24)
        loss_sum = 0
        for picked in order:
            answers = student(images[picked])
            loss = F.cross_entropy(answers, labels[picked])
            if teacher:
                with torch.no_grad():
                    wanted = teacher(images[picked])
                soft = F.kl_div((answers / 2).log_softmax(1), (wanted / 2).softmax(1), reduction='batchmean') * 4
                loss = 0.25 * soft + 0.75 * loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.item()
        losses.append(round(loss_sum / len(order), 6))
    return student.eval(), losses


torch.set_num_threads(1)
folder = Path(sys.argv[1])
teacher = Teacher().eval()
saved = torch.load(root / 'assets/fashion-mnist-resnet-ibn-a.pth', weights_only=True)
teacher.load_state_dict(saved['state_dict'])
images, labels = read_data(folder, 'train')
test_images, test_labels = read_data(folder, 't10k')
share = lambda answers, wanted: round(100 * (answers == wanted).float().mean().item(), 4)
with torch.no_grad():
    wanted = teacher(test_images).argmax(1)
    results = {'torch': torch.__version__, 'teacher': share(wanted, test_labels)}
    for name, guide in [('alone', None), ('taught', teacher)]:
        with torch.enable_grad():
            student, losses = train_student(guide, images, labels)
        answers = student(test_images).argmax(1)
        results[name] = {
            'losses': losses, 'accuracy': share(answers, test_labels), 'agreement': share(answers, wanted)}
print(json.dumps(results))
