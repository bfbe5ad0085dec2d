import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { collectGarbage } from './gc.ts';

type TensorLayer = typeof import('../../lib/tensor/index.ts');

// Files that do not use libtorch must not load it here: some test how it is found.
const nativeIsLoaded = () =>
  Object.keys(createRequire(import.meta.url).cache).some((path) => path.endsWith('ibn_net.node'));

let layer: TensorLayer | undefined;
let before = { tensors: 0, bytes: 0 };
let rngState: Uint8Array;

beforeAll(async () => {
  if (!nativeIsLoaded()) return;
  layer = await import('../../lib/tensor/index.ts');
  await collectGarbage();
  before = layer.memoryStats();
});

// Tensors iterate over their rows, down to those without dimensions, which refuse: equal ones are so by what they print.
expect.addEqualityTesters([
  (a: unknown, b: unknown) => {
    if (!layer?.isTensor(a) || !layer.isTensor(b)) return undefined;
    return a === b || String(a) === String(b);
  },
]);

beforeEach(() => {
  if (layer === undefined) return;
  const state = layer.getRngState();
  rngState = state.data() as Uint8Array;
  state.dispose();
});

afterEach(() => {
  if (layer === undefined || rngState === undefined) return;
  const state = layer.tensor(rngState);
  layer.setRngState(state);
  state.dispose();
});

afterAll(async () => {
  if (layer === undefined) return;
  // What a graph held of JavaScript goes with a call of autograd's; then the tensors that it held, and their graphs.
  for (let round = 0; round < 6; round++) {
    await collectGarbage();
    layer.isGradEnabled();
  }
  const { tensors, bytes } = layer.memoryStats();
  const leaked = { tensors: Math.max(0, tensors - before.tensors), bytes: Math.max(0, bytes - before.bytes) };
  expect(leaked, 'tensors left alive by this file').toEqual({ tensors: 0, bytes: 0 });
});
