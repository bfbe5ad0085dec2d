"""Writes checkpoints by the published Re-ID code, and the features that it gives, for scripts/reid/compare-checkpoints.mjs.

    python scripts/reid/write_checkpoints.py OUT REID_STRONG_BASELINE FAST_REID DEEP_PERSON_REID

At 3da7e6f, c9bc3ce and f8cd150. Weights are drawn under seed 0, norms and biases under seed 1, images under seed 2. Files are as the
programs write them: a state dict, `model` beside an iteration, `state_dict` beside an epoch with DataParallel's prefix, and a whole
pickled module.
"""

import importlib.util
import json
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fixtures"))
import reid_models
import reid_stubs


def features(model, inside):
    torch.manual_seed(2)
    pixels = torch.randint(0, 256, (4, 3, 256, 128), dtype=torch.uint8)
    x = pixels.float()
    if not inside:
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
        x = (x / 255 - mean) / std
    with torch.no_grad():
        plain, mirrored = model(x.clone()), model(x.flip(dims=[3]))
    return {"plain": plain.tolist(), "flipped": ((plain + mirrored) / 2).tolist()}


def strong(folder):
    sys.path.insert(0, folder)
    from modeling.baseline import Baseline

    return lambda name: Baseline(751, 1, "", "bnneck", "after", name, "self")


def fast(folder):
    sys.path.insert(0, folder)
    reid_stubs.install()
    from fastreid.config import get_cfg
    from fastreid.modeling import build_model

    def build(base, options):
        cfg = get_cfg()
        cfg.merge_from_file(f"{folder}/configs/Base-{base}.yml")
        fixed = ["MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.NUM_CLASSES", 751]
        cfg.merge_from_list([*fixed, *options])
        return build_model(cfg)

    return build


def torchreid(folder):
    def build(file, name):
        spec = importlib.util.spec_from_file_location(file, f"{folder}/torchreid/models/{file}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[file] = module
        spec.loader.exec_module(module)
        return getattr(module, name)(751, pretrained=False)

    return build


def main(out, strong_folder, fast_folder, torchreid_folder):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    build_strong, build_fast, build_osnet = strong(strong_folder), fast(fast_folder), torchreid(torchreid_folder)
    ibn = ["MODEL.BACKBONE.WITH_IBN", True]
    cases = {
        "strong resnet50": (lambda: build_strong("resnet50"), "plain", False),
        "strong resnet50_ibn_a": (lambda: build_strong("resnet50_ibn_a"), "plain", False),
        "strong se_resnext50": (lambda: build_strong("se_resnext50"), "plain", False),
        "fast bagtricks ibn": (lambda: build_fast("bagtricks", ibn), "model", True),
        "fast SBS ibn": (lambda: build_fast("SBS", ibn), "model", True),
        "fast MGN ibn": (lambda: build_fast("MGN", ibn), "model", True),
        "osnet_x1_0": (lambda: build_osnet("osnet", "osnet_x1_0"), "parallel", False),
        "osnet_ain_x1_0": (lambda: build_osnet("osnet_ain", "osnet_ain_x1_0"), "parallel", False),
        "osnet_ibn_x1_0 whole": (lambda: build_osnet("osnet", "osnet_ibn_x1_0"), "whole", False),
    }
    for name, (build, kind, inside) in cases.items():
        torch.manual_seed(0)
        model = build()
        reid_models.disturb(model)
        state = model.eval().state_dict()
        saved = {
            "plain": lambda: state,
            "model": lambda: {"model": state, "iteration": 7},
            "parallel": lambda: {"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 60, "rank1": 0.9},
            "whole": lambda: model,
        }[kind]()
        torch.save(saved, out / f"{name}.pth")
        (out / f"{name}.json").write_text(json.dumps(features(model, inside)))
        print(name, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
