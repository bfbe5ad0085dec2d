"""Makes test/fixtures/optim/optim-db.json.gz and optim-db.pth: every optimizer of PyTorch with every option set of its own tests.

Needs torch 2.13.0 (CPU). Example, with a stub of the module `expecttest` (`class TestCase: pass`) on PYTHONPATH:

    python scripts/optim/record.py

The option sets are those of torch.testing._internal.common_optimizers.optim_db on the CPU. Each case runs ten steps with
the same parameters and gradients, drawn under seed 14, in two groups where the optimizer has groups; the second
parameter has no gradient in the third step. `optim-db.pth` has parameters and optimizer state of some of them after five steps.
"""

import gzip
import json
import pathlib

import torch
from torch.testing._internal import common_optimizers as common

OUT = pathlib.Path(__file__).parents[2] / "test" / "fixtures" / "optim"
STEPS, HALF = 10, 5
HALVED = ["default", "strong_wolfe", "nesterov", "amsgrad", "decoupled_weight_decay", "momentum"]
SHAPES = {"dense": [[4, 3], [3], [2, 2, 3]], "matrices": [[4, 3], [2, 5], [3, 3]], "sparse": [[6, 2], [4], [5, 3]]}
ROWS = [[0, 3, 3, 1], [2, 2], [4, 0]]
COMPLEX = ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD", "LBFGS"]


def draw(kind):
    """Parameters, and a gradient of each for every step; sparse ones are the values of ROWS."""
    torch.manual_seed(14)
    shapes = SHAPES[kind]
    sizes = shapes if kind != "sparse" else [[len(rows), *shape[1:]] for rows, shape in zip(ROWS, shapes)]
    both = lambda shape: torch.randn([*shape, 2])
    return [both(shape) for shape in shapes], [[both(size) for size in sizes] for _ in range(STEPS)]


DATA = {kind: draw(kind) for kind in SHAPES}


def real(pairs, dtype):
    return torch.view_as_complex(pairs).to(dtype) if dtype.is_complex else pairs[..., 0].to(dtype).contiguous()


def gradient(case, step, i):
    values = real(DATA[case["data"]][1][step][i], case["dtype"])
    if case["data"] != "sparse":
        return values
    return torch.sparse_coo_tensor(torch.tensor([ROWS[i]]), values, SHAPES["sparse"][i])


def loss_of(params):
    """For LBFGS, whose closure needs a function: smooth, convex, far from round."""
    parts = [torch.view_as_real(p) if p.is_complex() else p for p in params]
    return sum(((i + 1) * (p - 0.5) ** 2).sum() + (p**4).sum() / 4 for i, p in enumerate(parts))


def groups_of(case, params):
    if case["optimizer"] == "LBFGS":
        return params
    lr = case["options"].get("lr")
    halved = {} if isinstance(lr, torch.Tensor) else {"lr": (lr or case["class"](params).defaults["lr"]) / 2}
    return [{"params": params[:2]}, {"params": params[2:], **halved}]


def step(case, optimizer, params, number):
    if case["optimizer"] == "LBFGS":

        def closure():
            optimizer.zero_grad()
            loss = loss_of(params)
            loss.backward()
            return loss

        return optimizer.step(closure)
    for i, param in enumerate(params):
        param.grad = None if (number, i) == (2, 1) else gradient(case, number, i)
    optimizer.step()


def plain(value):
    if isinstance(value, torch.Tensor):
        value = value.detach().to_dense() if value.is_sparse else value.detach()
        flat = torch.view_as_real(value) if value.is_complex() else value
        return {"dtype": str(value.dtype)[6:], "shape": list(value.shape), "data": flat.double().flatten().tolist()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def run(case):
    params = [real(p, case["dtype"]).clone().requires_grad_() for p in DATA[case["data"]][0]]
    optimizer = case["class"](groups_of(case, params), **case["options"])
    after, half = {}, None
    for number in range(STEPS):
        step(case, optimizer, params, number)
        if number in (0, STEPS - 1):
            after[number + 1] = [plain(p)["data"] for p in params]
        if number == HALF - 1:
            state = optimizer.state_dict()
            half = {"params": [p.detach().clone() for p in params], "optimizer": torch.utils._pytree.tree_map(clone, state)}
    return {**after, **plain(optimizer.state_dict())}, half


def clone(value):
    return value.clone() if isinstance(value, torch.Tensor) else value


def cases():
    for info in common.optim_db:
        name = info.optim_cls.__name__
        data = {"Muon": "matrices", "SparseAdam": "sparse"}.get(name, "dense")
        base = {"optimizer": name, "class": info.optim_cls, "data": data}
        inputs = common._get_optim_inputs_including_global_cliquey_kwargs("cpu", torch.float64, info)
        for dtype in (torch.float32, torch.float64):
            for entry in inputs:
                yield {**base, "what": entry.desc, "options": entry.kwargs, "dtype": dtype}
        if name in COMPLEX:
            last = [entry for entry in inputs if not entry.kwargs.get("differentiable") and "ensor" not in entry.desc][-1]
            yield {**base, "what": f"{last.desc}, complex", "options": {**last.kwargs, "fused": None} if "fused" in last.kwargs else last.kwargs, "dtype": torch.complex128}
        if info.supports_sparse:
            for options in ({}, {"maximize": True}, {"momentum": 0.9} if name == "SGD" else {"lr_decay": 0.1}):
                yield {**base, "what": f"sparse {options or 'default'}", "options": options, "dtype": torch.float64, "data": "sparse"}


def main():
    assert torch.__version__.startswith("2.13.0"), torch.__version__
    torch.set_num_threads(1)
    recorded, halves = [], {}
    for number, case in enumerate(cases()):
        shown = {key: value for key, value in case.items() if key not in ("class", "dtype")}
        shown |= {"options": plain(case["options"]), "dtype": str(case["dtype"])[6:]}
        refused = case["options"].get("differentiable") or isinstance(case["options"].get("lr"), torch.Tensor)
        result, half = (None, None) if refused else run(case)
        recorded.append({**shown, "result": result})
        if half and case["dtype"] == torch.float32 and case["what"] in HALVED:
            halves[str(number)] = half
    data = {kind: {"params": plain(params), "grads": plain(grads)} for kind, (params, grads) in DATA.items()}
    text = json.dumps({"data": data, "rows": ROWS, "cases": recorded}, separators=(",", ":"))
    with gzip.GzipFile(OUT / "optim-db.json.gz", "wb", mtime=0) as file:
        file.write(text.encode())
    torch.save(halves, OUT / "optim-db.pth")


main()
