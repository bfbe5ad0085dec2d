import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import * as ibn from '../../lib/index.ts';
import type { Module } from '../../lib/nn/index.ts';
import { toCamelCase } from '../../lib/ops/naming.ts';
import { arange, type DType, fromBuffer, isTensor, manualSeed, type Tensor } from '../../lib/tensor/index.ts';
import { root } from '../helpers/index.ts';
import { drawnWithin } from './numbers.ts';

/** A tensor as scripts/modules/record.py writes it. */
interface Recorded {
  tensor: string;
  dtype: DType;
  shape: number[];
  requiresGrad: boolean;
}

/** A call of scripts/modules/record.py: what it takes and gives. */
export interface CallCase {
  inputs: unknown[];
  outputs: Recorded[];
  inputGradients: (Recorded | null)[];
}

/** One case of scripts/modules/record.py. */
export interface ModuleCase extends CallCase {
  name: string;
  case: string;
  training: boolean;
  required: unknown[];
  options: Record<string, unknown>;
  /** What forward takes by name. */
  inputOptions?: Record<string, unknown>;
  repr: string;
  state: [string, Recorded][];
  gradients: [string, Recorded | null][];
  buffers: [string, Recorded][];
}

const { nn } = ibn;
const FOLDER = join(root, 'test/fixtures/nn/modules');
// The seeds of scripts/modules/record.py.
const [CONSTRUCT, RUN] = [11, 12];

/** The families that have a fixture. */
export const families = readdirSync(FOLDER).map((file) => file.replace('.json.gz', ''));

/** The cases of a family. */
export function casesOf(family: string): ModuleCase[] {
  const text = gunzipSync(readFileSync(join(FOLDER, `${family}.json.gz`))).toString('utf8');
  return (JSON.parse(text) as { cases: ModuleCase[] }).cases;
}

/** A module that a case gives to another, made under the same seed. */
interface Recipe {
  module: string;
  required: unknown[];
  options: Record<string, unknown>;
}

type Parts = [data: Tensor, batchSizes: Tensor, sortedIndices: Tensor | null, unsortedIndices: Tensor | null];

const packed = (parts: Parts) => new nn.utils.rnn.PackedSequence(...parts);

const make = ({ module, required, options }: Recipe): Module =>
  Reflect.construct(nn[module as 'ReLU'], [...required.map(decode), ...decodeOptions(options)]);

const isRecorded = (value: object): value is Recorded => 'tensor' in value;

/** What a recorded value is here; names of functions are those of nn.functional. */
export function decode(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(decode);
  if (isRecorded(value)) return decodeTensor(value);
  if ('float' in value) return value.float === 'inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  if ('function' in value) return nn.functional[value.function as 'relu'];
  if ('module' in value) return make(value as unknown as Recipe);
  if ('packed' in value) return packed(decode(value.packed) as Parts);
  throw new TypeError(`Expected a recorded value, got ${JSON.stringify(value)}`);
}

function decodeTensor({ tensor, dtype, shape, requiresGrad }: Recorded): Tensor {
  const bytes = Uint8Array.from(Buffer.from(tensor, 'base64'));
  return fromBuffer(bytes.buffer, { dtype, shape }).clone().requiresGrad_(requiresGrad);
}

/** Tensors in arrays and plain objects, in order. */
function tensorsIn(value: unknown): Tensor[] {
  if (isTensor(value)) return [value as Tensor];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(tensorsIn);
}

/** The largest difference is at most `tolerance` times the largest value, or 1. */
function expectSame(what: string, actual: Tensor | null, expected: Recorded | null, tolerance = 1e-5): void {
  const found = actual === null ? null : actual.shape;
  expect({ what, shape: found }).toEqual({ what, shape: expected === null ? null : expected.shape });
  if (actual === null || expected === null) return;
  const flat = (x: Tensor) => x.detach().toDense().to('float64').flatten().toArray() as number[];
  const [got, want] = [flat(actual), flat(decodeTensor(expected))];
  const bound = tolerance * Math.max(1, ...want.filter(Number.isFinite).map(Math.abs));
  const wrong = want.findIndex((value, i) => {
    const other = got[i] as number;
    return !Object.is(value, other) && value !== other && !(Math.abs(value - other) <= bound);
  });
  const at = (list: number[]) => (wrong < 0 ? null : list[wrong]);
  expect({ what, wrong, value: at(got) }).toEqual({ what, wrong: -1, value: at(want) });
}

/** Cotangents as record.py makes them. */
const cotangents = (y: Tensor): Tensor =>
  arange(y.numel()).remainder(7).sub(3).to(y.dtype).div(3).reshape(y.shape);

/** The module of a case, as it is after construction under the seed. */
export function construct({ name, required, options, training }: ModuleCase): Module {
  manualSeed(CONSTRUCT);
  return make({ module: name, required, options }).to('float32').train(training);
}

/** `_random_samples` is `_randomSamples`. */
const optionName = (name: string): string =>
  name.replace(/^(_*)(.*)$/, (_, dashes, rest) => dashes + toCamelCase(rest));

/** One object with the options, under the names they have here; none where there are none. */
export function decodeOptions(options: Record<string, unknown>): object[] {
  const named = Object.entries(options).map(([key, value]) => [optionName(key), decode(value)]);
  return named.length === 0 ? [] : [Object.fromEntries(named)];
}

/** Compares outputs and gradients of the inputs of a call with what is recorded. */
export function replayCall(entry: CallCase, inputs: unknown[], call: (inputs: unknown[]) => unknown): void {
  const leaves = tensorsIn(inputs).filter((x) => x.requiresGrad);
  manualSeed(RUN);
  const outputs = tensorsIn(call(inputs));
  expect(outputs.length).toBe(entry.outputs.length);
  for (const [i, y] of outputs.entries()) expectSame(`output ${i}`, y, entry.outputs[i] as Recorded);
  const losses = outputs.filter((y) => y.requiresGrad).map((y) => y.mul(cotangents(y)).sum());
  if (losses.length > 0) losses.reduce((a, b) => a.add(b)).backward();
  for (const [i, x] of leaves.entries())
    expectSame(`input gradient ${i}`, x.grad, entry.inputGradients[i] ?? null);
}

/** Compares module, outputs and gradients of a case with what is recorded. */
export function replay(entry: ModuleCase): void {
  const module = construct(entry);
  expect(String(module)).toBe(entry.repr);
  const state = [...module.stateDict()];
  expect(state.map(([key]) => key)).toEqual(entry.state.map(([key]) => key));
  for (const [i, [key, tensor]] of state.entries())
    expectSame(key, tensor, entry.state[i]?.[1] ?? null, drawnWithin);
  const named = decodeOptions(entry.inputOptions ?? {});
  replayCall(entry, entry.inputs.map(decode), (inputs) => module.forward(...inputs, ...named));
  const parameters = new Map(module.namedParameters());
  expect([...parameters.keys()]).toEqual(entry.gradients.map(([key]) => key));
  for (const [key, gradient] of entry.gradients)
    expectSame(`gradient of ${key}`, parameters.get(key)?.grad ?? null, gradient);
  const buffers = new Map(module.namedBuffers());
  for (const [key, buffer] of entry.buffers) expectSame(key, buffers.get(key) ?? null, buffer);
}
