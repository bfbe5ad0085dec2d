"""Records what functions of torch.nn.functional give that no layer covers, for test/nn/functions.test.ts.

    PYTHONPATH=STUBS python scripts/modules/functions.py test/fixtures/nn/functions.json.gz

As record.py: outputs and gradients of the inputs under a seed. STUBS as there.
"""

import gzip
import json
import sys
from pathlib import Path

import torch
from extra import LINE, MAP, VOLUME, floats, integers
from record import RUN, encode, run, tensors
from torch.nn import functional


def positions(*shape):
    """Places from -1.2 to 1.2, so that some lie outside."""
    return lambda: (torch.rand(shape) * 2.4 - 1.2).requires_grad_()


# Name, what stands in order, options.
FUNCTIONS = [
    ("grid_sample", [MAP, positions(2, 3, 4, 2)], {"align_corners": False}),
    ("grid_sample", [MAP, positions(2, 3, 4, 2)], {"mode": "bicubic", "padding_mode": "border", "align_corners": True}),
    ("grid_sample", [VOLUME, positions(2, 3, 4, 2, 3)], {"padding_mode": "reflection", "align_corners": False}),
    ("grid_sample", [MAP, positions(2, 3, 4, 2)], {"mode": "nearest", "align_corners": False}),
    ("affine_grid", [floats(2, 2, 3), [2, 1, 4, 5]], {"align_corners": False}),
    ("affine_grid", [floats(2, 3, 4), [2, 1, 3, 4, 5]], {"align_corners": True}),
    ("interpolate", [MAP], {"size": [3, 9], "mode": "bilinear", "antialias": True}),
    ("interpolate", [MAP], {"scale_factor": 0.5, "mode": "bicubic", "antialias": True}),
    ("interpolate", [MAP], {"size": [4, 3], "mode": "lanczos", "antialias": True}),
    ("interpolate", [LINE], {"scale_factor": 1.7, "recompute_scale_factor": True, "mode": "linear"}),
    ("interpolate", [VOLUME], {"size": [3, 3, 3], "mode": "area"}),
    ("upsample", [MAP], {"scale_factor": 2, "mode": "bilinear"}),
    ("upsample_nearest", [MAP], {"scale_factor": 2}),
    ("upsample_bilinear", [MAP], {"size": [7, 8]}),
    ("normalize", [MAP], {}),
    ("normalize", [MAP], {"p": 1.0, "dim": -1, "eps": 0.5}),
    ("one_hot", [integers(5, 2, 3)], {"num_classes": 7}),
    ("pdist", [floats(5, 3)], {}),
    ("pdist", [floats(5, 3)], {"p": 1.0}),
    ("gumbel_softmax", [floats(4, 5)], {"tau": 0.5}),
    ("gumbel_softmax", [floats(4, 5)], {"hard": True, "dim": 0}),
    ("conv_tbc", [floats(6, 2, 3), floats(3, 3, 4), floats(4)], {"pad": 1}),
    ("conv2d", [MAP, floats(6, 2, 3, 3), floats(6)], {"stride": 2, "padding": 1, "groups": 2}),
    ("conv_transpose2d", [MAP, floats(4, 2, 3, 3)], {"stride": 2, "output_padding": 1}),
    ("bilinear", [floats(3, 2), floats(3, 4), floats(5, 2, 4)], {}),
    ("softmax", [LINE], {"dim": 1, "dtype": torch.float64}),
    ("log_softmax", [LINE], {"dim": -1}),
    ("softmin", [LINE], {"dim": 0}),
    ("pad", [MAP, [1, 2, -1, 0]], {"value": 3.0}),
    ("pad", [LINE, [2, 1]], {"mode": "reflect"}),
    ("prelu", [MAP, floats(4)], {}),
    ("rrelu", [LINE], {"training": True}),
    ("leaky_relu", [LINE], {"negative_slope": 0.3}),
    ("threshold", [LINE, 0.1, 20.0], {}),
    ("glu", [MAP], {"dim": 1}),
    ("dropout", [MAP], {"p": 0.3}),
    ("alpha_dropout", [LINE], {"p": 0.3, "training": True}),
    ("feature_alpha_dropout", [MAP], {"p": 0.3, "training": True}),
    ("layer_norm", [MAP, [6, 5]], {"eps": 1e-3}),
    ("group_norm", [MAP, 2], {}),
    ("rms_norm", [MAP, [5]], {}),
    ("instance_norm", [MAP], {}),
    ("max_pool2d", [MAP, 2], {"return_indices": True}),
    ("max_pool2d_with_indices", [MAP, 2], {"stride": 1}),
    ("adaptive_max_pool1d_with_indices", [LINE, 3], {}),
    ("lp_pool3d", [VOLUME, 2.0, 2], {}),
    ("fractional_max_pool2d_with_indices", [MAP, 2], {"output_size": [3, 3]}),
    ("embedding", [integers(6, 2, 3), floats(6, 4)], {"padding_idx": 2}),
    ("embedding_bag", [integers(6, 2, 3), floats(6, 4)], {"mode": "sum"}),
    ("cosine_similarity", [LINE, LINE], {"dim": 2}),
    ("pairwise_distance", [LINE, LINE], {"keepdim": True}),
    ("pixel_shuffle", [MAP, 2], {}),
    ("native_channel_shuffle", [lambda: torch.randn(2, 4, 3), 2], {}),
    ("unfold", [MAP, [2, 3]], {"padding": 1}),
    ("local_response_norm", [MAP, 3], {"alpha": 0.1}),
]


def made(value):
    return value() if callable(value) else value


def plain(options):
    """Options as the replay takes them: names of dtypes."""
    return {name: str(v)[6:] if isinstance(v, torch.dtype) else encode(v) for name, v in options.items()}


def record(index, name, given, options):
    torch.manual_seed(index)
    inputs = [made(value) for value in given]
    leaves = [t for t in tensors(inputs) if t.requires_grad]
    recorded = encode(inputs)
    function = getattr(functional, name)
    outputs = run(lambda *args: function(*args, **options), inputs)
    return {
        "name": name,
        "case": str(index),
        "inputs": recorded,
        "options": plain(options),
        "outputs": encode(outputs),
        "inputGradients": [encode(t.grad) for t in leaves],
    }


if __name__ == "__main__":
    cases = [record(index, *entry) for index, entry in enumerate(FUNCTIONS)]
    text = json.dumps({"torch": torch.__version__, "seed": RUN, "cases": cases}, separators=(",", ":"))
    Path(sys.argv[1]).write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(cases)} cases")
