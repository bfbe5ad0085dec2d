import { BatchNorm1d, BatchNorm2d, type Module } from '../../nn/index.ts';
import { ops, scope, type Tensor } from '../../tensor/index.ts';

/** What a layer of batch normalisation got: means and mean squares of each channel, image by image. */
export interface LayerMoments {
  /** The layer's name in the network. */
  readonly name: string;
  readonly channels: number;
  /** Of training, as the file has them. */
  readonly runningMean: Float32Array;
  readonly runningVar: Float32Array;
  /** (images, channels), row after row. */
  readonly means: Float64Array;
  readonly squares: Float64Array;
}

type Norm = BatchNorm1d | BatchNorm2d;

const isNorm = (module: Module): module is Norm =>
  module instanceof BatchNorm2d || module instanceof BatchNorm1d;

/** The layers that keep statistics of training, by name. */
export function normsOf(model: Module): [string, Norm][] {
  return model
    .namedModules()
    .filter((entry): entry is [string, Norm] => isNorm(entry[1]) && entry[1].running_mean !== null);
}

/** Watches the inputs of all layers of batch normalisation while `run` calls the network, perhaps several times. */
export function momentsOf(model: Module, run: () => void): LayerMoments[] {
  const norms = normsOf(model);
  const seen = norms.map((): Float64Array[] => []);
  const hooks = norms.map(([, norm], layer) =>
    norm.registerForwardPreHook((_, [input]) => {
      (seen[layer] as Float64Array[]).push(momentsOfInput(input as Tensor));
    }),
  );
  try {
    run();
  } finally {
    for (const { remove } of hooks) remove();
  }
  return norms.flatMap(([name, norm], layer) => {
    const parts = seen[layer] as Float64Array[];
    return parts.length === 0 ? [] : [layerMoments(name, norm, parts)];
  });
}

/** Rows of means, then rows of mean squares. */
function momentsOfInput(input: Tensor): Float64Array {
  return scope(() => {
    const x = input.dim() === 2 ? input.unsqueeze(2) : input.flatten(2);
    const wide = x.to('float64');
    const both = ops.aten.stack([wide.mean(2), wide.mul(wide).mean(2)], 0);
    return Float64Array.from(both.to('cpu').contiguous().data() as Float64Array);
  });
}

function layerMoments(name: string, norm: Norm, parts: readonly Float64Array[]): LayerMoments {
  const numbers = (tensor: Tensor) =>
    scope(() => Float32Array.from(tensor.to('cpu').to('float32').contiguous().data() as Float32Array));
  const runningMean = numbers(norm.running_mean as Tensor);
  return {
    name,
    channels: runningMean.length,
    runningMean,
    runningVar: numbers(norm.running_var as Tensor),
    means: joined(parts.map((part) => part.subarray(0, part.length / 2))),
    squares: joined(parts.map((part) => part.subarray(part.length / 2))),
  };
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
