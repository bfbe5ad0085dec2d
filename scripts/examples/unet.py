"""A U-Net for PyTorch, as examples/unet trains it: losses and IoU of five epochs.

  node examples/unet/shapes.mjs FOLDER 40 48
  python scripts/examples/unet.py FOLDER > test/fixtures/examples/unet.json
"""
import json
import sys
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

CLASSES, FEATURES, SIZE = 3, 4, 48


def block(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [FEATURES << i for i in range(4)]
        self.encoders = nn.ModuleList(block(a, b) for a, b in zip([3, *widths], widths))
        self.bottleneck = block(8 * FEATURES, 16 * FEATURES)
        widths.reverse()
        self.upconvs = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths)
        self.decoders = nn.ModuleList(block(2 * w, w) for w in widths)
        self.output = nn.Conv2d(FEATURES, CLASSES, 1)

    def forward(self, x):
        skipped = []
        for encoder in self.encoders:
            x = encoder(x)
            skipped.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for upconv, decoder in zip(self.upconvs, self.decoders):
            x = decoder(torch.cat([upconv(x), skipped.pop()], 1))
        return self.output(x)


class MaskedImages(torch.utils.data.Dataset):
    def __init__(self, folder, names, transform):
        self.folder, self.names, self.transform = folder, names, transform

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        name = self.names[index]
        image = v2.functional.pil_to_tensor(Image.open(self.folder / 'images' / name).convert('RGB'))
        mask = v2.functional.pil_to_tensor(Image.open(self.folder / 'masks' / name))
        image, mask = self.transform(tv_tensors.Image(image), tv_tensors.Mask(mask))
        return image, mask.squeeze(0)


def dice_loss(logits, masks):
    found = logits.softmax(1)
    there = F.one_hot(masks, CLASSES).movedim(-1, 1)
    both = (found * there).sum((0, 2, 3))
    return 1 - ((2 * both + 1) / ((found + there).sum((0, 2, 3)) + 1)).mean()


def evaluate(model, loader):
    model.eval()
    counts = torch.zeros(CLASSES, CLASSES, dtype=torch.int64)
    with torch.inference_mode():
        for image, mask in loader:
            pairs = mask * CLASSES + model(image).argmax(1)
            counts += torch.bincount(pairs.flatten(), minlength=CLASSES**2).view(CLASSES, CLASSES)
    both = counts.diagonal()
    return both / (counts.sum(0) + counts.sum(1) - both)


torch.set_num_threads(1)
torch.manual_seed(0)
folder = Path(sys.argv[1])
names = sorted(path.name for path in (folder / 'images').iterdir())
shuffled = [names[i] for i in torch.randperm(len(names))]
prepare = [
    v2.ToDtype({tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64, 'others': None}, scale=True),
    v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
]
resize = v2.Resize([SIZE, SIZE])
augment = [v2.RandomHorizontalFlip(), v2.RandomAffine(15, scale=(0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR)]
cut = round(len(names) / 5)
train = MaskedImages(folder, shuffled[cut:], v2.Compose([resize, *augment, *prepare]))
val = MaskedImages(folder, shuffled[:cut], v2.Compose([resize, *prepare]))
train_loader = DataLoader(train, batch_size=4, shuffle=True)
val_loader = DataLoader(val, batch_size=4)
model = UNet()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, fused=True)
epochs = []
for _ in range(5):
    model.train()
    loss_sum = 0
    for image, mask in train_loader:
        logits = model(image)
        loss = F.cross_entropy(logits, mask) + dice_loss(logits, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item()
    ious = evaluate(model, val_loader)
    epochs.append({
        'loss': round(loss_sum / len(train_loader), 6),
        'iou': round(ious.nanmean().item(), 6),
        'each': [round(iou, 6) for iou in ious.tolist()]})
print(json.dumps({'torch': torch.__version__, 'epochs': epochs}))
