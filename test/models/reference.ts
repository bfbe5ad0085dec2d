import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import * as optim from '../../lib/optim/index.ts';
import {
  arange,
  manualSeed,
  noGrad,
  randn,
  runtimeInfo,
  scope,
  setNumThreads,
  type Tensor,
} from '../../lib/tensor/index.ts';
import { elements, relativeError } from '../nn/numbers.ts';

/** Seeded figures of a model, made with PyTorch 2.13.0 on an AVX512 machine. */
export interface Reference {
  parameters: number;
  /** `key 64x3x7x7`, and the dtype where it is not float32. */
  state_dict: string[];
  init: { sha256_of_all_bytes_in_order: string; sum: Record<string, number> };
  eval: { logits_first16: number[][]; logits_norm: number; argmax: number[] };
}

/** Figures of a batch of four, and of three steps of SGD. */
export interface TrainReference {
  logits_first16: number[][];
  grad_norm: Record<string, number>;
  buffer_sum_after_forward: Record<string, number>;
  losses: number[];
}

export function zipped<T>(name: string): T {
  const path = new URL(`../fixtures/models/${name}.json.gz`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as T;
}

/** Figures of the published code. */
export const reference = (name: string): Reference & { train: TrainReference } => zipped(name);

/** Rounding is the reference's only with its instructions. */
export const sameCapability = runtimeInfo().cpuCapability === 'AVX512';

/** The model under seed 0. */
export function seeded<N extends string>(name: N): models.ModelOf<N> {
  manualSeed(0);
  return models.getModel(name);
}

/** The keys, shapes and dtypes of a model, written as in the references. */
export function stateLines(model: nn.Module): string[] {
  return [...model.stateDict()].map(([key, { shape, dtype }]) =>
    [key, shape.join('x'), ...(dtype === 'float32' ? [] : [dtype])].join(' '),
  );
}

/** SHA-256 of every saved tensor's bytes, in order. */
export function weightsHash(model: nn.Module): string {
  const hash = createHash('sha256');
  for (const tensor of model.stateDict().values()) {
    const data = tensor.contiguous().data() as unknown as NodeJS.ArrayBufferView;
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

export const sum = (tensor: Tensor): number => Number(tensor.detach().to('float64').sum().item());
export const norm = (tensor: Tensor): number => Number(tensor.detach().to('float64').norm().item());

const worst = (values: Iterable<number>): number => Math.max(0, ...values);

/**
 * Difference of a tensor's sum, relative to the sum of its magnitudes: what rounding can do to it does not grow with
 * cancellation.
 */
function sumError(tensor: Tensor, wanted: number): number {
  const [got, scale] = scope(() => [sum(tensor), sum(tensor.detach().to('float64').abs())]);
  return Math.abs((got as number) - wanted) / Math.max(scale as number, 1);
}

/** Largest difference of the initial weights' sums, by `sumError`. */
export function initError(model: nn.Module, want: Reference): number {
  const state = model.stateDict();
  return worst(
    Object.entries(want.init.sum).map(([key, value]) => sumError(state.get(key) as Tensor, value)),
  );
}

/** Relative errors of the evaluation logits: of the first 16 of each row, and of the norm of all. */
export function evalErrors(
  model: nn.Module,
  want: Reference,
): { first16: number; norm: number; argmax: number[] } {
  manualSeed(1);
  return scope(() => {
    const x = randn([2, 3, 224, 224]);
    const logits: Tensor = noGrad(() => model.eval().forward(x));
    const rows = logits.narrow(1, 0, 16);
    return {
      first16: relativeError(elements(rows), want.eval.logits_first16.flat()),
      norm: Math.abs(norm(logits) / want.eval.logits_norm - 1),
      argmax: elements(logits.argmax(1)),
    };
  });
}

/** Relative errors of a training run: of the first step's logits, gradients and buffers, and of all losses. */
export interface TrainErrors {
  logits: number;
  /** The worst parameter's, in the norm of its gradient. */
  gradients: number;
  /** That of the norm of all gradients together. */
  gradient: number;
  /** The median over parameters. */
  middleGradient: number;
  buffers: number;
  losses: number[];
}

/** Three steps of SGD on one batch of four, compared with the reference. */
export function trainErrors(model: nn.Module, want: TrainReference): TrainErrors {
  // Rounding grows tenfold and more with each step, so the third loss needs the reference's order of additions.
  setNumThreads(2);
  const optimizer = new optim.SGD(model.train().parameters(), {
    lr: 1e-3,
    momentum: 0.9,
    weightDecay: 1e-4,
  });
  manualSeed(2);
  const x = randn([4, 3, 224, 224]);
  const target = arange(4, { dtype: 'int64' }).mul(7);
  const errors: TrainErrors = {
    logits: 0,
    gradients: 0,
    gradient: 0,
    middleGradient: 0,
    buffers: 0,
    losses: [],
  };
  for (const [step, loss] of want.losses.entries()) {
    optimizer.zeroGrad();
    scope(() => {
      const logits = model.forward(x) as Tensor;
      const found = nn.functional.crossEntropy(logits, target);
      found.backward();
      errors.losses.push(Math.abs(Number(found.item()) / loss - 1));
      if (step === 0) Object.assign(errors, firstStepErrors(model, logits, want));
    });
    optimizer.step();
  }
  return errors;
}

function firstStepErrors(
  model: nn.Module,
  logits: Tensor,
  want: TrainReference,
): Omit<TrainErrors, 'losses'> {
  const whole = Math.hypot(...Object.values(want.grad_norm));
  const norms = model.namedParameters().map(([key, { grad }]) => [key, norm(grad as Tensor)] as const);
  const gradients = norms.map(([key, found]) => {
    const value = want.grad_norm[key] as number;
    // Where the gradient is zero but for rounding (a shift before InstanceNorm), it is compared with the whole.
    return Math.abs(found - value) / Math.max(value, 1e-6 * whole);
  });
  const buffers = model
    .namedBuffers()
    .map(([key, buffer]) => sumError(buffer, want.buffer_sum_after_forward[key] as number));
  return {
    logits: relativeError(elements(logits.narrow(1, 0, 16)), want.logits_first16.flat()),
    gradients: worst(gradients),
    gradient: Math.abs(Math.hypot(...norms.map(([, found]) => found)) / whole - 1),
    middleGradient: gradients.toSorted((a, b) => a - b)[gradients.length >> 1] as number,
    buffers: worst(buffers),
  };
}
