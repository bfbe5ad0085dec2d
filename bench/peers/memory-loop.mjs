import { setImmediate as turn } from 'node:timers/promises';
import { ones } from '../../dist/index.js';

const ELEMENTS = 10 * 1024 * 1024; // 40 MB of float32
const TURNS = 1000;
const kind = process.argv[2];
const start = performance.now();

if (kind === 'dispose') for (let i = 0; i < TURNS; i++) ones([ELEMENTS]).dispose();
if (kind === 'sync') for (let i = 0; i < TURNS; i++) ones([ELEMENTS]);
if (kind === 'microtask') {
  for (let i = 0; i < TURNS; i++) {
    ones([ELEMENTS]);
    await null;
  }
}
if (kind === 'turns') {
  for (let i = 0; i < TURNS; i++) {
    ones([ELEMENTS]);
    await turn();
  }
}
if (kind === 'graph') {
  // Only the four bytes of the sum are seen from JavaScript; its graph holds the rest.
  const weight = ones([ELEMENTS], { requiresGrad: true });
  for (let i = 0; i < TURNS / 10; i++) weight.mul(2).exp().sin().sum();
}
console.log(
  JSON.stringify({
    peakMB: process.resourceUsage().maxRSS / 1024,
    msPerTurn: (performance.now() - start) / TURNS,
  }),
);
