"""Grad-CAM of torchvision's ResNet-18 with its initial weights under seed 0, as examples/grad-cam computes it.

  python scripts/examples/grad_cam.py assets/images/18-bag.png > test/fixtures/examples/grad-cam.json
"""
import json
import sys

import torch
import torchvision
from PIL import Image
from torchvision.transforms import v2

torch.manual_seed(0)
model = torchvision.models.resnet18().eval()
image = v2.functional.pil_to_tensor(Image.open(sys.argv[1]).convert('RGB'))
prepare = v2.Compose([
    v2.Resize(256),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
])
kept = {}


def keep(_layer, _inputs, output):
    kept['activation'] = output
    output.register_hook(lambda grad: kept.update(gradient=grad))


model.layer4.register_forward_hook(keep)
logits = model(prepare(image).unsqueeze(0)).squeeze(0)
target = logits.argmax().item()
logits[target].backward()
weights = kept['gradient'].mean((2, 3), keepdim=True)
heat = (weights * kept['activation'].detach()).sum((0, 1)).relu()
print(json.dumps({'torch': torch.__version__, 'target': target, 'heat': [[round(v, 6) for v in row] for row in (heat / heat.max()).tolist()]}))
