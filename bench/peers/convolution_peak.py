"""The convolution peak: oneDNN through mkldnn::_convolution_pointwise, weights reordered before, GFLOP/s by shape."""

import time

import torch
import torch._inductor  # registers the ops

# Input channels, output channels, size of the map, kernel: those of ResNet-50 that reach most, and square ones.
SHAPES = [(64, 64, 56, 3), (128, 128, 28, 3), (256, 256, 28, 3), (256, 256, 14, 3), (512, 512, 14, 3)]
SHAPES += [(256, 64, 56, 1), (512, 128, 28, 1), (1024, 256, 14, 1), (256, 1024, 14, 1)]
MS_EACH = 60


def convolution(batch, dtype, inputs, outputs, size, kernel):
    x = torch.randn(batch, inputs, size, size, dtype=dtype).to(memory_format=torch.channels_last)
    weight = torch.randn(outputs, inputs, kernel, kernel, dtype=dtype) / (inputs * kernel**2) ** 0.5
    pad = [kernel // 2] * 2
    packed = torch.ops.mkldnn._reorder_convolution_weight(weight, pad, [1, 1], [1, 1], 1, list(x.shape))
    flops = 2 * batch * inputs * outputs * size**2 * kernel**2

    def run():
        return torch.ops.mkldnn._convolution_pointwise(x, packed, None, pad, [1, 1], [1, 1], 1, "none", [], "")

    return run, flops


def gflops(run, flops):
    run()
    iterations = max(2, round(MS_EACH * 4e8 / flops))
    start = time.perf_counter()
    for _ in range(iterations):
        run()
    return flops * iterations / (time.perf_counter() - start) / 1e9


def commands(settings):
    """As serve.py's: `prepare` makes the tensors, `time` measures every shape once."""
    torch.set_num_threads(settings["threads"])
    dtype = getattr(torch, settings["dtype"])
    cases = {}

    def prepare(batch, output, **_):
        open(output, "w").close()
        for i, o, s, k in SHAPES:
            cases[f"{i}->{o} {s}x{s} k{k}"] = convolution(batch, dtype, i, o, s, k)
        return {}

    @torch.inference_mode()
    def measure(**_):
        found = {name: gflops(*case) for name, case in cases.items()}
        return {"times": [MS_EACH * len(SHAPES)], "gflops": found}

    return {"prepare": prepare, "time": measure}
