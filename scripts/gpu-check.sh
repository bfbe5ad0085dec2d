#!/usr/bin/env bash
# Checks the package on a machine with a GPU, PyTorch, nvcc and cmake, without internet or Node: builds against that
# PyTorch, runs all tests with REQUIRE_CUDA=1, compute-sanitizer and the GPU's benchmarks. See docs/gpu-check.md.
#   scripts/gpu-check.sh [--within SECONDS] [--limit STEP=SECONDS].. [build] [test] [sanitize] [bench] [bench/NAME ..]
# Without names: all steps. gpu-check.json and logs go to $OUT, else bench/results. Exit status 1 if a step failed.
# Node comes from PATH, else from .gpu-check/, which `node scripts/gpu-check-pack.mjs` fills beforehand elsewhere.
# PYTHON: the Python with PyTorch, by default python3. LIBTORCH: another libtorch than that Python's.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
packed=$root/.gpu-check
unpacked=$root/build-gpu-check
out=${OUT:-$root/bench/results}
python=${PYTHON:-python3}

stop() {
  echo "gpu-check: $1" >&2
  mkdir -p "$out"
  printf '{\n "ok": false,\n "steps": [{ "name": "prepare", "state": "failed", "reason": "%s" }]\n}\n' "$1" >"$out/gpu-check.json"
  exit 1
}

# Python's own, since there may be no xz.
unpack() {
  [ -f "$packed/$1" ] || stop "Expected $2 or .gpu-check/$1, got neither; run: node scripts/gpu-check-pack.mjs"
  mkdir -p "$3" && "$python" -W ignore -m tarfile -e "$packed/$1" "$3" || stop "Could not unpack .gpu-check/$1"
}

recent() {
  "$1" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

"$python" -c 'import sys' 2>/dev/null || stop "Expected a Python for PYTHON, got $python"
node=$(command -v node)
if [ -z "$node" ] || ! recent "$node"; then
  node=$unpacked/bin/node
  [ -x "$node" ] || unpack node.tar.xz 'Node 20.19 or newer on PATH' "$unpacked"
  recent "$node" || stop "Could not run the Node of .gpu-check/node.tar.xz"
fi
[ -d node_modules/vitest ] || unpack node_modules.tar.xz 'node_modules' "$root"

export PATH="$(dirname "$node"):$PATH" PYTHON="$python" OUT="$out"
exec "$node" scripts/gpu-check/main.mjs "$@"
