import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import type { Module } from '../../../lib/nn/index.ts';
import {
  manualSeed,
  noGrad,
  ops,
  rand,
  randn,
  runtimeInfo,
  scope,
  type Tensor,
} from '../../../lib/tensor/index.ts';
import { stateLines, weightsHash } from '../../models/reference.ts';
import { elements, relativeError } from '../../nn/numbers.ts';

interface Features {
  first16: number[][];
  norm: number;
  shape: number[];
}

/** What the published code gives: see scripts/fixtures/reid_models.py. */
export interface Figures {
  keys: number;
  keys_sha256: string;
  parameters: number;
  trained: number;
  weights_sha256: string;
  next_draw: number;
  features: Features;
  flipped: Features;
}

export function zippedReid<T>(name: string): T {
  const path = new URL(`../../fixtures/reid/${name}.json.gz`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as T;
}

export const published = (name: string): Record<string, Figures> => zippedReid(name);

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Fills norms and biases with numbers, so that none is the identity. */
export function disturb(model: Module): void {
  const blocks = [...model.stateDict().keys()].filter((key) => key.endsWith('.W.1.weight'));
  const nonLocal = blocks.length > 5 ? 1e-9 : 0.01;
  manualSeed(1);
  noGrad(() =>
    scope(() => {
      for (const [key, tensor] of model.stateDict()) {
        if (tensor.dim() !== 1 || tensor.dtype !== 'float32' || key.endsWith('.p')) continue;
        const isScale = key.endsWith('weight') || key.endsWith('running_var');
        const numbers = isScale ? rand(tensor.shape).mul(0.5).add(0.75) : randn(tensor.shape).mul(0.1);
        ops.aten.copy_(tensor, key.endsWith('.W.1.weight') ? numbers.mul(nonLocal) : numbers);
      }
    }),
  );
}

export function noise(scale = 1, height = 64): Tensor {
  manualSeed(2);
  return scale === 255 ? rand([2, 3, height, 32]).mul(255) : randn([2, 3, height, 32]);
}

function expectFeatures(actual: Tensor, want: Features): void {
  expect(actual.shape).toEqual(want.shape);
  const first = elements(actual.slice(1, 0, 16));
  expect(relativeError(first, want.first16.flat())).toBeLessThan(1e-5);
  expect(Math.abs(actual.norm().item() / want.norm - 1)).toBeLessThan(1e-5);
}

/** Keys, initial weights under seed 0, and features, plain and flipped, against the published code's. */
export function compare(build: () => Module, want: Figures, scale = 1, height = 64): void {
  manualSeed(0);
  const model = build();
  const lines = stateLines(model);
  expect(lines.length).toBe(want.keys);
  expect(sha256(lines.join('\n'))).toBe(want.keys_sha256);
  expect(model.parameters().reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0)).toBe(
    want.parameters,
  );
  expect(model.parameters().filter(({ requiresGrad }) => requiresGrad).length).toBe(want.trained);
  // Drawn by ATen's own code, the same on every processor with these instructions.
  if (runtimeInfo().cpuCapability === 'AVX512') expect(weightsHash(model)).toBe(want.weights_sha256);
  expect(rand([1]).item()).toBeCloseTo(want.next_draw, 7);
  disturb(model);
  model.eval();
  noGrad(() =>
    scope(() => {
      const images = noise(scale, height);
      const plain = model.forward(images) as Tensor;
      const mirrored = model.forward(images.flip([3])) as Tensor;
      expectFeatures(plain, want.features);
      expectFeatures(plain.add(mirrored).div(2), want.flipped);
    }),
  );
  model.dispose();
}
