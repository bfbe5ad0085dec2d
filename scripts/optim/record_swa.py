"""Makes test/fixtures/optim/swa.json: averages of weights by torch.optim.swa_utils, and statistics by update_bn.

Needs torch 2.13.0 (CPU). Example:

    python scripts/optim/record_swa.py

A small network under seed 3 is moved five times and averaged after each. The batches are drawn under the same seed.
"""

import json
import pathlib

import torch
from torch import nn
from torch.optim import swa_utils

OUT = pathlib.Path(__file__).parents[2] / "test" / "fixtures" / "optim" / "swa.json"
VARIANTS = {
    "mean": lambda: {},
    "mean of many": lambda: {"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()},
    "mean with buffers": lambda: {"use_buffers": True},
    "ema": lambda: {"avg_fn": swa_utils.get_ema_avg_fn(0.9)},
    "ema of many": lambda: {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.9)},
    "ema with buffers": lambda: {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.9), "use_buffers": True},
}


def numbers(state):
    return {key: {"shape": list(value.shape), "data": value.double().flatten().tolist()} for key, value in state.items()}


def run(options):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    batches = [torch.randn(6, 4) for _ in range(3)]
    averaged = swa_utils.AveragedModel(model, **options)
    for round_ in range(1, 6):
        model(batches[round_ % 3])
        with torch.no_grad():
            for param in model.parameters():
                param.add_(param.sin(), alpha=0.1 * round_)
        averaged.update_parameters(model)
    state = numbers(averaged.state_dict())
    swa_utils.update_bn([[batch, "label"] for batch in batches], averaged)
    return {"averaged": state, "updated": numbers(averaged.state_dict())}


def main():
    assert torch.__version__.startswith("2.13.0"), torch.__version__
    OUT.write_text(json.dumps({name: run(make()) for name, make in VARIANTS.items()}, separators=(",", ":")) + "\n")


main()
