import json
import timeit

import torch

torch.set_num_threads(1)
a = torch.tensor([1.0])
b = torch.tensor([2.0])
add = torch.ops.aten.add.Tensor


def plain(statement, calls=20_000, blocks=40):
    timer = timeit.Timer(statement, globals=globals())
    timer.timeit(calls)
    return sorted(t / calls * 1e9 for t in timer.repeat(blocks, calls))[blocks // 2]


result = {
    "add": plain("a + b"),
    "torch_ops_add": plain("add(a, b)"),
    "view": plain("a.view(1, 1)"),
    "sum": plain("a.sum()"),
}
with torch.no_grad():
    result["add_no_grad"] = plain("a + b")
result["add_disposed"] = result["add"]
print(json.dumps(result))
