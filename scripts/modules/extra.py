"""Cases of layers that module_db does not have, or not with these options: class, arguments, options, inputs."""

import torch


def floats(*shape):
    return lambda: torch.randn(shape).requires_grad_()


def integers(high, *shape):
    return lambda: torch.randint(high, shape)


def pooled(pool, *shape):
    """Values and indices of a pooling, for its reverse."""
    values, indices = pool(torch.randn(shape))
    return [values.detach().requires_grad_(), indices]


MAP = floats(2, 4, 6, 5)
LINE = floats(2, 4, 9)
VOLUME = floats(2, 4, 5, 4, 6)
N = torch.nn

torch.manual_seed(0)
EXTRA = [
    ("Hardsigmoid", [], {}, [MAP]),
    ("RReLU", [], {}, [LINE]),
    ("RReLU", [0.1, 0.6], {}, [LINE]),
    ("PReLU", [4], {"init": 0.1}, [MAP]),
    ("LeakyReLU", [0.2], {}, [LINE]),
    ("GELU", ["tanh"], {}, [LINE]),
    ("Hardtanh", [], {"min_val": -0.5, "max_val": 2.0}, [LINE]),
    ("Softplus", [], {"beta": 2.0, "threshold": 1.0}, [LINE]),
    ("Softmax", [-1], {}, [MAP]),
    ("Identity", [], {}, [LINE]),
    ("Flatten", [], {}, [MAP]),
    ("Flatten", [], {"start_dim": 0, "end_dim": 1}, [MAP]),
    ("Unflatten", [1, (2, -1)], {}, [MAP]),
    ("Dropout", [0.3], {}, [MAP]),
    ("Dropout1d", [0.3], {}, [LINE]),
    ("Dropout1d", [], {}, [floats(4, 9)]),
    ("Dropout2d", [0.3], {}, [MAP]),
    ("Dropout3d", [0.3], {}, [VOLUME]),
    ("Dropout3d", [], {}, [floats(4, 5, 4, 6)]),
    ("AlphaDropout", [0.3], {}, [LINE]),
    ("FeatureAlphaDropout", [0.3], {}, [MAP]),
    ("Conv1d", [4, 6, 3], {"stride": 2, "padding": 2, "groups": 2, "bias": False}, [LINE]),
    ("Conv2d", [4, 6, (3, 2)], {"padding": "same", "dilation": 2, "padding_mode": "replicate"}, [MAP]),
    ("Conv3d", [4, 2, (1, 3, 2)], {"padding": (0, 1, 1), "padding_mode": "circular"}, [VOLUME]),
    ("ConvTranspose1d", [4, 6, 3], {"stride": 2, "output_padding": 1, "groups": 2}, [LINE]),
    ("ConvTranspose2d", [4, 6, (3, 2)], {"stride": (2, 3), "padding": 1, "dilation": 2, "bias": False}, [MAP]),
    ("ConvTranspose2d", [4, 3, 3], {"stride": 2}, [MAP, [14, 12]]),
    ("ConvTranspose3d", [4, 2, 2], {"stride": 2}, [VOLUME]),
    ("Fold", [(4, 5), (2, 3)], {"padding": (1, 0)}, [floats(2, 12, 15)]),
    ("Unfold", [(2, 3)], {"dilation": 2, "padding": 1, "stride": (2, 1)}, [MAP]),
    ("MaxPool1d", [3], {"stride": 2, "padding": 1, "return_indices": True}, [LINE]),
    ("MaxPool2d", [(3, 2)], {"dilation": 2, "ceil_mode": True, "stride": 2}, [MAP]),
    ("AvgPool2d", [3], {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}, [MAP]),
    ("AdaptiveMaxPool2d", [(3, None)], {"return_indices": True}, [MAP]),
    ("LPPool2d", [float("inf"), 2], {}, [MAP]),
    ("LPPool1d", [3.0, 2], {"stride": 1, "ceil_mode": True}, [LINE]),
    ("FractionalMaxPool2d", [2], {"output_ratio": (0.5, 0.7)}, [MAP]),
    ("FractionalMaxPool3d", [2], {"output_size": 2, "return_indices": True}, [VOLUME]),
    ("MaxUnpool1d", [2], {}, pooled(N.MaxPool1d(2, return_indices=True), 2, 3, 8)),
    ("MaxUnpool2d", [2], {}, [*pooled(N.MaxPool2d(2, return_indices=True), 2, 3, 7, 5), [7, 5]]),
    ("MaxUnpool3d", [2], {"stride": 2}, pooled(N.MaxPool3d(2, return_indices=True), 2, 3, 4, 4, 6)),
    ("BatchNorm3d", [4], {"momentum": None, "eps": 1e-3}, [VOLUME]),
    ("InstanceNorm1d", [4], {"affine": True, "track_running_stats": True}, [LINE]),
    ("GroupNorm", [2, 4], {"affine": False}, [VOLUME]),
    ("LayerNorm", [(6, 5)], {"bias": False}, [MAP]),
    ("RMSNorm", [5], {"eps": 1e-3}, [MAP]),
    ("LocalResponseNorm", [3], {"alpha": 0.1, "k": 2.0}, [VOLUME]),
    ("LocalResponseNorm", [4], {}, [LINE]),
    ("Embedding", [10, 3], {"padding_idx": -2}, [integers(10, 2, 5)]),
    ("Embedding", [10, 3], {"max_norm": 1.0, "norm_type": 1.0}, [integers(10, 7)]),
    ("Embedding", [10, 3], {"sparse": True}, [integers(10, 7)]),
    ("Embedding", [10, 3], {"scale_grad_by_freq": True}, [integers(10, 7)]),
    ("EmbeddingBag", [10, 3], {}, [integers(10, 2, 5)]),
    ("EmbeddingBag", [10, 3], {"mode": "max", "padding_idx": 1}, [integers(10, 7), torch.tensor([0, 3, 3])]),
    ("EmbeddingBag", [10, 3], {"mode": "sum"}, [integers(10, 2, 4), None, floats(2, 4)]),
    ("EmbeddingBag", [10, 3], {"include_last_offset": True}, [integers(10, 7), torch.tensor([0, 2, 7])]),
    ("PixelShuffle", [2], {}, [MAP]),
    ("PixelUnshuffle", [2], {}, [floats(2, 3, 6, 4)]),
    ("ChannelShuffle", [2], {}, [MAP]),
    ("CosineSimilarity", [], {}, [MAP, MAP]),
    ("CosineSimilarity", [0], {"eps": 1e-3}, [LINE, LINE]),
    ("PairwiseDistance", [], {}, [LINE, LINE]),
    ("PairwiseDistance", [1.0], {"keepdim": True}, [LINE, LINE]),
    ("Upsample", [], {"scale_factor": 2.0}, [LINE]),
    ("Upsample", [], {"size": (9, 4), "mode": "bilinear", "align_corners": True}, [MAP]),
    ("Upsample", [], {"scale_factor": (1.5, 2.5), "mode": "bicubic"}, [MAP]),
    ("Upsample", [], {"size": 7, "mode": "trilinear"}, [VOLUME]),
    ("Upsample", [], {"size": 5, "mode": "linear"}, [LINE]),
    ("Upsample", [], {"scale_factor": 1.7, "mode": "nearest-exact", "recompute_scale_factor": True}, [MAP]),
    ("Upsample", [], {"scale_factor": 0.6, "mode": "area"}, [VOLUME]),
    ("UpsamplingNearest2d", [], {"size": (4, 7)}, [MAP]),
    ("UpsamplingBilinear2d", [], {"scale_factor": 2.0}, [MAP]),
    ("AdaptiveLogSoftmaxWithLoss", [6, 20, [4, 10]], {"div_value": 2.0}, [floats(9, 6), integers(20, 9)]),
    ("CrossMapLRN2d", [3], {}, [MAP]),
    ("CrossMapLRN2d", [5], {"alpha": 0.5, "beta": 0.5, "k": 2}, [floats(2, 9, 3, 2)]),
    ("CrossMapLRN2d", [4], {"alpha": 0.5}, [floats(1, 7, 2, 2)]),
]
