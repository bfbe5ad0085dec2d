import { BatchNorm1d, BatchNorm2d, BatchNorm3d, Module, SyncBatchNorm } from '../nn/index.ts';
import { describeValue } from '../options.ts';
import { noGrad, scope, type Tensor } from '../tensor/index.ts';

/** A batch norm that keeps running statistics. */
export type BatchNorm = (BatchNorm1d | BatchNorm2d | BatchNorm3d | SyncBatchNorm) & {
  running_mean: Tensor;
  running_var: Tensor;
  num_batches_tracked: Tensor;
};

const CLASSES = [BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm];

const isBatchNorm = (module: Module): module is BatchNorm =>
  CLASSES.some((one) => module instanceof one) && (module as BatchNorm).running_mean !== null;

/** By name. @throws TypeError for what is no module; RangeError for one without. */
export function batchNormsOf(owner: string, model: Module): Map<string, BatchNorm> {
  if (!(model instanceof Module))
    throw new TypeError(`Expected a Module for ${owner}, got ${describeValue(model)}`);
  const found = model.namedModules().filter((named): named is [string, BatchNorm] => isBatchNorm(named[1]));
  if (found.length > 0) return new Map(found);
  throw new RangeError(
    `Expected a network with batch norms that keep running statistics for ${owner}, got ${model.constructor.name} ` +
      'without; its other norms have nothing that a target could change',
  );
}

/** The mode that every module of a network has. */
export function modesOf(model: Module): () => void {
  const training = model.modules().map((module) => [module, module.training] as const);
  return () => {
    for (const [module, mode] of training) module.training = mode;
  };
}

interface SavedNorm {
  readonly momentum: number | null;
  readonly buffers: readonly Tensor[];
}

/** What batch norms have besides their parameters, to be put back. */
export class NormStatistics {
  readonly #norms: readonly BatchNorm[];
  readonly #saved: readonly SavedNorm[];

  constructor(norms: Iterable<BatchNorm>) {
    this.#norms = [...norms];
    this.#saved = this.#norms.map((norm) => ({
      momentum: norm.momentum,
      buffers: buffersOf(norm).map((buffer) => noGrad(() => buffer.clone())),
    }));
  }

  /** Mean, variance and count as they were, bit for bit. */
  restore(): void {
    this.#each((buffers, saved) => {
      for (const [i, buffer] of buffers.entries()) buffer.copy_(saved[i] as Tensor);
    });
  }

  /** Sets a norm's statistics to these, and `share` of mean and variance to those of the map (N, C, ...). */
  mixIn(norm: BatchNorm, map: Tensor, share: number): void {
    const saved = this.#saved[this.#norms.indexOf(norm)] as SavedNorm;
    const [mean, variance] = saved.buffers as readonly [Tensor, Tensor];
    scope(() => {
      const dims = map.shape.flatMap((_, dim) => (dim === 1 ? [] : [dim]));
      const wide = map.to('float32');
      norm.running_mean.copy_(mean.mul(1 - share).add(wide.mean(dims).mul(share)));
      norm.running_var.copy_(variance.mul(1 - share).add(wide.var(dims).mul(share)));
    });
  }

  restoreMomenta(): void {
    for (const [i, norm] of this.#norms.entries()) norm.momentum = this.#saved[i]?.momentum ?? null;
  }

  /** `share` of `other`'s mean and variance and the rest of these. */
  mix(other: NormStatistics, share: number): void {
    if (share === 1) {
      other.restore();
      return;
    }
    this.#each((buffers, saved, index) => {
      const theirs = other.#saved[index]?.buffers as readonly Tensor[];
      for (const [i, buffer] of buffers.slice(0, 2).entries())
        buffer.copy_((saved[i] as Tensor).mul(1 - share).add((theirs[i] as Tensor).mul(share)));
      (buffers[2] as Tensor).copy_(theirs[2] as Tensor);
    });
  }

  #each(use: (buffers: readonly Tensor[], saved: readonly Tensor[], index: number) => void): void {
    scope(() =>
      noGrad(() => {
        for (const [i, norm] of this.#norms.entries())
          use(buffersOf(norm), this.#saved[i]?.buffers as readonly Tensor[], i);
      }),
    );
  }
}

const buffersOf = ({ running_mean, running_var, num_batches_tracked }: BatchNorm): readonly Tensor[] => [
  running_mean,
  running_var,
  num_batches_tracked,
];
