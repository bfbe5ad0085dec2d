// Reads a checkpoint into resnet50_ibn_a: the first time in a process, then warm; prints ms and the rise of resident MB.
//   node bench/peers/checkpoint-load.mjs into|into-mmap|assign|copy FILE
import { readFileSync, writeFileSync } from 'node:fs';
import { checkpoint, load, models, nn, scope } from '../../dist/index.js';
import { median } from '../harness.mjs';

const [, , how, path] = process.argv;
const WARMUP = 25;
const WARM = 15;

const memory = (field) =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
const resetPeak = () => writeFileSync('/proc/self/clear_refs', '5');

function read(model) {
  if (how.startsWith('into')) return checkpoint.loadInto(model, path, { mmap: how === 'into-mmap' });
  return scope(() => model.loadStateDict(load(path), { assign: how === 'assign' }));
}

const timed = (work) => {
  const start = performance.now();
  work();
  return performance.now() - start;
};

resetPeak();
const before = memory('VmRSS');
const model = nn.utils.skipInit(() => models.resnet50_ibn_a());
const first = timed(() => read(model));
scope(() => {
  for (const value of model.stateDict().values()) value.sum();
});
const resident = memory('VmHWM') - before;
for (let i = 0; i < WARMUP; i++) read(model);
const warm = median(Array.from({ length: WARM }, () => timed(() => read(model))));
console.log(JSON.stringify({ warm, first, resident }));
