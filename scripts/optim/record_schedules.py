"""Makes test/fixtures/optim/schedules.json: the rates of every learning-rate schedule of PyTorch over 60 steps.

Needs torch 2.13.0 (CPU). Example:

    python scripts/optim/record_schedules.py

Each schedule has two groups, of rates 0.1 and 0.3, under SGD with momentum or under Adam. A schedule inside another is
{class, args, options}; functions go by name. `half` has the states of scheduler and optimizer after 25 steps.
"""

import json
import math
import pathlib

import torch
from torch.optim import lr_scheduler, swa_utils

OUT = pathlib.Path(__file__).parents[2] / "test" / "fixtures" / "optim" / "schedules.json"
STEPS, HALF = 60, 25
FUNCTIONS = {"falling": lambda epoch: 1 / (1 + epoch), "stairs": lambda epoch: 0.5 ** (epoch // 10), "shrink": lambda epoch: 0.95}


def spec(name, *args, optimizer="SGD", **options):
    return {"class": name, "args": list(args), "options": options, "optimizer": optimizer}


SPECS = [
    spec("LambdaLR", "falling"),
    spec("LambdaLR", ["falling", "stairs"]),
    spec("MultiplicativeLR", "shrink"),
    spec("StepLR", 3, gamma=0.5),
    spec("StepLR", 7),
    spec("MultiStepLR", [2, 5, 5, 9, 40], gamma=0.3),
    spec("MultiStepLR", [30]),
    spec("ConstantLR"),
    spec("ConstantLR", factor=0.25, total_iters=17),
    spec("LinearLR"),
    spec("LinearLR", start_factor=0.1, end_factor=0.7, total_iters=31),
    spec("ExponentialLR", 0.97),
    spec("PolynomialLR"),
    spec("PolynomialLR", total_iters=45, power=0.9),
    spec("CosineAnnealingLR", 60),
    spec("CosineAnnealingLR", 13, eta_min=0.01),
    spec("CosineAnnealingWarmRestarts", 10),
    spec("CosineAnnealingWarmRestarts", 7, T_mult=2, eta_min=0.001),
    spec("CyclicLR", 0.01, 0.1, step_size_up=9),
    spec("CyclicLR", [0.01, 0.02], [0.1, 0.5], step_size_up=5, step_size_down=11, mode="triangular2", optimizer="Adam"),
    spec("CyclicLR", 0.01, 0.1, step_size_up=9, mode="exp_range", gamma=0.99, cycle_momentum=False),
    spec("CyclicLR", 0.01, 0.1, step_size_up=9, scale_fn="falling", scale_mode="iterations", base_momentum=0.7, max_momentum=0.95),
    spec("OneCycleLR", 0.1, total_steps=60),
    spec("OneCycleLR", [0.1, 0.5], epochs=6, steps_per_epoch=10, pct_start=0.25, anneal_strategy="linear", three_phase=True, optimizer="Adam"),
    spec("OneCycleLR", 0.1, total_steps=70, cycle_momentum=False, div_factor=10.0, final_div_factor=100.0),
    spec("ReduceLROnPlateau", patience=2),
    spec("ReduceLROnPlateau", mode="max", factor=0.5, patience=1, threshold=0.01, threshold_mode="abs", cooldown=3, min_lr=[0.01, 0.02]),
    spec("SequentialLR", [spec("LinearLR", start_factor=0.1, total_iters=10), spec("CosineAnnealingLR", 50)], [10]),
    spec("SequentialLR", [spec("ConstantLR", total_iters=4), spec("ExponentialLR", 0.9), spec("StepLR", 6)], [8, 30]),
    spec("SequentialLR", [spec("ChainedScheduler", [spec("LinearLR", total_iters=6), spec("ExponentialLR", 0.98)]), spec("PolynomialLR", total_iters=40)], [12]),
    spec("ChainedScheduler", [spec("ConstantLR", factor=0.1, total_iters=20), spec("ExponentialLR", 0.9)]),
    spec("ChainedScheduler", [spec("MultiplicativeLR", "shrink"), spec("CosineAnnealingLR", 20)]),
    spec("SWALR", 0.05),
    spec("SWALR", [0.05, 0.02], anneal_epochs=25, anneal_strategy="linear"),
    spec("SWALR", 0.05, anneal_epochs=0),
]


def make_optimizer(name):
    groups = [{"params": [torch.zeros(1, requires_grad=True)]}, {"params": [torch.zeros(1, requires_grad=True)], "lr": 0.3}]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9) if name == "SGD" else torch.optim.Adam(groups, lr=0.1)


def resolved(value, optimizer):
    if isinstance(value, dict):
        return make(value, optimizer)
    if isinstance(value, list):
        return [resolved(item, optimizer) for item in value]
    return FUNCTIONS.get(value, value) if isinstance(value, str) else value


def make(one, optimizer):
    kind = getattr(lr_scheduler, one["class"], None) or getattr(swa_utils, one["class"])
    args = [resolved(arg, optimizer) for arg in one["args"]]
    options = {key: value if key == "mode" else resolved(value, optimizer) for key, value in one["options"].items()}
    return kind(*args, **options) if kind is lr_scheduler.ChainedScheduler else kind(optimizer, *args, **options)


def metric(step):
    return 2 + math.sin(step / 4) / (1 + step / 10)


def momenta(optimizer):
    return [group["betas"][0] if "betas" in group else group["momentum"] for group in optimizer.param_groups]


def plain(value):
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def run(one):
    optimizer = make_optimizer(one["optimizer"])
    scheduler = make(one, optimizer)
    result = {**one, "rates": [], "momenta": []}
    for step in range(STEPS + 1):
        result["rates"].append([group["lr"] for group in optimizer.param_groups])
        result["momenta"].append(momenta(optimizer))
        if step == HALF:
            groups = optimizer.state_dict()["param_groups"]
            result["half"] = plain({"scheduler": scheduler.state_dict(), "groups": groups})
        if step < STEPS:
            optimizer.step()
            scheduler.step(*([metric(step)] if one["class"] == "ReduceLROnPlateau" else []))
    return {**result, "last": scheduler.get_last_lr(), "state": plain(scheduler.state_dict())}


def main():
    assert torch.__version__.startswith("2.13.0"), torch.__version__
    OUT.write_text(json.dumps([run(one) for one in SPECS], separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
