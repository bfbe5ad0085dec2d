"""Ranks features of the size of Market-1501 by the published programs; prints ms, figures and the peak of resident MB.

    STRONG_BASELINE=... FAST_REID=... python bench/peers/reid_ranking.py numpy|cython|rerank

Both are checkouts; fast-reid's `fastreid/evaluation/rank_cylib` is built in place (`python setup.py build_ext --inplace`).
"""

import contextlib
import importlib.util
import io
import json
import os
import resource
import sys
import time

import numpy as np
import torch

QUERIES, IMAGES, WIDTH = 3368, 15913, 2048


def module(name, *path):
    spec = importlib.util.spec_from_file_location(name, os.path.join(*path))
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


index = np.arange(IMAGES)
query = np.arange(QUERIES)
query_ids, gallery_ids = 1 + query % 750, np.where(index < 2798, 0, 1 + index % 750)
query_cameras, gallery_cameras = query * 5 % 6, (index * 7 + index // 750) % 6
labels = (query_ids, gallery_ids, query_cameras, gallery_cameras)

torch.manual_seed(0)
centres = torch.randn(751, WIDTH)


def drawn(ids):
    features = centres[torch.from_numpy(ids)] + torch.randn(len(ids), WIDTH) * 4
    return torch.nn.functional.normalize(features, dim=1)


q, g = drawn(query_ids), drawn(gallery_ids)


def distances():
    """As reid-strong-baseline and fast-reid have it."""
    found = q.pow(2).sum(1, keepdim=True).expand(QUERIES, IMAGES) + g.pow(2).sum(1, keepdim=True).expand(IMAGES, QUERIES).t()
    return found.addmm_(q, g.t(), beta=1, alpha=-2).numpy()


def main(how):
    strong = os.environ.get("STRONG_BASELINE", "")
    evaluate = module("eval_reid", strong, "data/datasets/eval_reid.py").eval_func
    start = time.perf_counter()
    if how == "rerank":
        ranked = module("re_ranking", strong, "utils/re_ranking.py").re_ranking(q, g, 20, 6, 0.3)
        total, figures = time.perf_counter() - start, None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        cmc, mean = evaluate(ranked, *labels)
    else:
        if how == "cython":
            folder = os.path.join(os.environ["FAST_REID"], "fastreid/evaluation/rank_cylib")
            built = next(name for name in os.listdir(folder) if name.startswith("rank_cy.") and name.endswith(".so"))
            compiled = module("rank_cy", folder, built).evaluate_cy
        start = time.perf_counter()
        matrix = distances()
        middle = time.perf_counter()
        if how == "cython":
            cmc, precisions, _ = compiled(matrix, *labels, 50)
            mean = np.mean(precisions)
        else:
            cmc, mean = evaluate(matrix, *labels)
        total, figures = time.perf_counter() - start, time.perf_counter() - middle
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {"total": total * 1e3, "mb": peak, "mAP": float(mean), "rank1": float(cmc[0])}
    return result if figures is None else {**result, "figures": figures * 1e3}


with contextlib.redirect_stdout(io.StringIO()):
    result = main(sys.argv[1])
print(json.dumps(result))
