import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { python, recordPath, report } from '../harness.mjs';

const FACTS = `
import json, torch
p = torch.cuda.get_device_properties(0)
print(json.dumps({"name": p.name, "memoryGiB": round(p.total_memory / 2**30), "multiprocessors": p.multi_processor_count,
                  "capability": [p.major, p.minor], "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}))`;

function gpuFacts() {
  const { status, stdout } = spawnSync(python, ['-c', FACTS], { encoding: 'utf8' });
  const query = [
    '--query-gpu=driver_version,clocks.sm,clocks.max.sm,temperature.gpu',
    '--format=csv,noheader',
  ];
  const state = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  return {
    ...(status === 0 ? JSON.parse(stdout) : {}),
    state: state.status === 0 ? state.stdout.trim() : null,
  };
}

const METHOD =
  'ms, medians of rounds in which all run in turn. wall: from the call until the GPU is done; host: until the call ' +
  'returns; queued: of a run when none waits for the one before. Inputs are on the GPU already.';

/**
 * Writes bench/results/gpu-<name>.json and prints it; rows of an earlier run on the same GPU stay unless they have the
 * same name, so that batch sizes can be measured one by one. Without a GPU it only prints.
 */
export function recordGpu(name, question, { device, rows, bars = [] }) {
  if (device !== 'cuda') {
    console.log(`${question} (on ${device}, to try the benchmark: not recorded)`);
    console.log(JSON.stringify({ rows, bars }, null, 1));
    return;
  }
  const gpu = gpuFacts();
  const path = recordPath(`gpu-${name}`, '');
  const earlier = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const merged = (old = [], fresh = []) => [
    ...(earlier.gpu?.name === gpu.name ? old : []).filter(
      (row) => !fresh.some((other) => other.name === row.name),
    ),
    ...fresh,
  ];
  const all = merged(earlier.bars, bars);
  report(`gpu-${name}`, question, merged(earlier.rows, rows), { gpu, method: METHOD, bars: all }, '');
  if (all.length > 0) console.table(Object.fromEntries(all.map(({ name: bar, ...values }) => [bar, values])));
}
