"""Makes test/fixtures/optim/lamb.pth: timm's Lamb with several option sets.

    python scripts/optim/lamb.py        # torch 2.13, timm 1.0

Six steps of two groups; the second parameter is all zeros, and has no gradient in the third step. `half` is the state after
three steps, with the parameters.
"""

import pathlib

import torch
from timm.optim import Lamb

OUT = pathlib.Path(__file__).parents[2] / "test" / "fixtures" / "optim" / "lamb.pth"
SHAPES = [[4, 3], [3], [2, 2, 3]]
STEPS = 6
OPTIONS = [
    {},
    {"lr": 0.05, "weight_decay": 0.0},
    {"lr": 0.05, "weight_decay": 0.0, "always_adapt": True},
    {"lr": 0.02, "weight_decay": 0.02, "trust_clip": True, "max_grad_norm": None},
    {"lr": 0.02, "betas": (0.8, 0.9), "grad_averaging": False, "bias_correction": False},
    {"lr": 0.02, "decoupled_decay": True, "always_adapt": True, "eps": 1e-3, "max_grad_norm": 100.0},
]

torch.manual_seed(14)
start = [torch.randn(shape) for shape in SHAPES]
start[1].zero_()
gradients = [[torch.randn(shape) for shape in SHAPES] for _ in range(STEPS)]


def run(options):
    params = [value.clone().requires_grad_() for value in start]
    lr = options.get("lr", 1e-3)
    optimizer = Lamb([{"params": params[:2]}, {"params": params[2:], "lr": lr / 2}], **options)
    for step, grads in enumerate(gradients):
        for i, (param, grad) in enumerate(zip(params, grads)):
            param.grad = None if (step, i) == (2, 1) else grad.clone()
        optimizer.step()
        if step == 2:
            half = {
                "params": [param.detach().clone() for param in params],
                "optimizer": {
                    "state": {
                        i: {name: value.clone() for name, value in state.items()}
                        for i, state in optimizer.state_dict()["state"].items()
                    },
                    "param_groups": [
                        {**group, "step": group["step"].clone()} for group in optimizer.state_dict()["param_groups"]
                    ],
                },
            }
    return {"options": options, "half": half, "params": [param.detach() for param in params]}


torch.save({"start": start, "gradients": gradients, "cases": [run(options) for options in OPTIONS]}, OUT)
