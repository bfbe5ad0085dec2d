#!/usr/bin/env bash
# Two machines with four ranks each; run on both, with HOST the name of one of them.
#   HOST=node0 ./torchrun.sh /data/imagenet
set -euo pipefail
torchrun --no-python --nnodes 2 --nproc-per-node 4 --max-restarts 3 \
  --rdzv-backend c10d --rdzv-endpoint "${HOST:?the first machine}:29500" --rdzv-id ibn \
  npx ibn-net train "$1" --model resnet50_ibn_a --output runs/resnet50_ibn_a --resume auto
