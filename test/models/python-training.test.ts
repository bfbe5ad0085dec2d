import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { models, nn, optim, save, type Tensor } from '../../lib/index.ts';
import { arange, manualSeed, randn, scope, setNumThreads } from '../../lib/tensor/index.ts';
import { noPythonTorch, runPython } from '../checkpoint/python-torch.ts';
import { tmp } from '../helpers/index.ts';
import { weightsHash } from './reference.ts';

// What deep networks come to after several steps differs between processors, so it is compared on one: the same
// network, written for PyTorch here, takes the same weights, data and optimizer.
const PROGRAM = `
import hashlib, json, sys, torch
from torch import nn
torch.set_num_threads(1)

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
    def __init__(self, inplanes, planes, stride, ibn, expansion):
        super().__init__()
        out = planes * expansion
        sizes = [(inplanes, planes, 3, stride), (planes, out, 3, 1)]
        if expansion == 4: sizes = [(inplanes, planes, 1, 1), (planes, planes, 3, stride), (planes, out, 1, 1)]
        self.count = len(sizes)
        for i, (a, b, kernel, step) in enumerate(sizes, 1):
            setattr(self, f'conv{i}', nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False))
            setattr(self, f'bn{i}', IBN(b) if ibn == 'a' and i == 1 else nn.BatchNorm2d(b))
        self.IN = nn.InstanceNorm2d(out, affine=True) if ibn == 'b' else None
        self.downsample = None
        if stride != 1 or inplanes != out:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, out, 1, stride, bias=False), nn.BatchNorm2d(out))
    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f'bn{i}')(getattr(self, f'conv{i}')(y))
            if i < self.count: y = torch.relu_(y)
        y += x if self.downsample is None else self.downsample(x)
        return torch.relu_(y if self.IN is None else self.IN(y))

class ResNet(nn.Module):
    def __init__(self, depths, expansion, placements):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.InstanceNorm2d(64, affine=True) if placements[0] == 'b' else nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inplanes = 64
        for i, (depth, ibn) in enumerate(zip(depths, placements)):
            blocks = []
            for j in range(depth):
                placed = ibn if ibn != 'b' or j == depth - 1 else None
                blocks.append(Block(inplanes, 64 << i, 2 if i > 0 and j == 0 else 1, placed, expansion))
                inplanes = (64 << i) * expansion
            setattr(self, f'layer{i + 1}', nn.Sequential(*blocks))
        self.fc = nn.Linear(inplanes, 1000)
    def forward(self, x):
        x = self.maxpool(torch.relu_(self.bn1(self.conv1(x))))
        for i in range(1, 5): x = getattr(self, f'layer{i}')(x)
        return self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))

path, depths, expansion, placements = (json.loads(arg) for arg in sys.argv[1:])
model = ResNet(depths, expansion, placements)
model.load_state_dict(torch.load(path, weights_only=True))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4, fused=True)
torch.manual_seed(2)
x, target = torch.randn(4, 3, 64, 64), torch.arange(4) * 7
losses = []
for _ in range(3):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), target)
    loss.backward()
    losses.append(loss.item())
    optimizer.step()
digest = hashlib.sha256()
for tensor in model.state_dict().values(): digest.update(tensor.contiguous().numpy().tobytes())
print(json.dumps({'losses': losses, 'weights': digest.hexdigest()}))
`;

const NETWORKS: Record<string, [depths: number[], expansion: number, placements: (string | null)[]]> = {
  resnet18_ibn_a: [[2, 2, 2, 2], 1, ['a', 'a', 'a', null]],
  resnet18_ibn_b: [[2, 2, 2, 2], 1, ['b', 'b', null, null]],
  resnet50_ibn_a: [[3, 4, 6, 3], 4, ['a', 'a', 'a', null]],
};

function trained(model: nn.Module): { losses: number[]; weights: string } {
  setNumThreads(1);
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3, momentum: 0.9, weightDecay: 1e-4 });
  manualSeed(2);
  const x = randn([4, 3, 64, 64]);
  const target = arange(4, { dtype: 'int64' }).mul(7);
  const losses = [0, 1, 2].map(() =>
    scope(() => {
      optimizer.zeroGrad();
      const loss = nn.functional.crossEntropy(model.forward(x) as Tensor, target);
      loss.backward();
      optimizer.step();
      return Number(loss.item());
    }),
  );
  return { losses, weights: weightsHash(model) };
}

describe.skipIf(noPythonTorch)('training beside Python on this processor', () => {
  it.each(Object.keys(NETWORKS))('%s: losses and weights of three steps are the same bit for bit', (name) => {
    manualSeed(0);
    const model = models.getModel(name).train();
    const path = join(tmp(), 'start.pth');
    save(model.stateDict(), path);
    const args = [path, ...(NETWORKS[name] as unknown[])].map((value) => JSON.stringify(value));
    const there = JSON.parse(runPython(PROGRAM, ...args)) as { losses: number[]; weights: string };
    expect(trained(model)).toEqual(there);
  });
});
