import { autocast, type GradScaler } from '../../amp/index.ts';
import type { Module } from '../../nn/index.ts';
import { clipGradNorm_ } from '../../nn/utils/index.ts';
import type { AnyOptimizer } from '../../optim/index.ts';
import { describeValue } from '../../options.ts';
import { isTensor, noGrad, scope, type Tensor } from '../../tensor/index.ts';
import { TrainError } from '../errors.ts';
import { optimizersOf, type TrainerOptions } from './trainer-options.ts';

/** Forward, backward, and once for every `accumulate` batches the optimizers' steps. */
export class TrainStep<Batch> {
  readonly #options: TrainerOptions<Batch>;
  readonly #scaler: GradScaler | undefined;

  constructor(options: TrainerOptions<Batch>, scaler: GradScaler | undefined) {
    this.#options = options;
    this.#scaler = scaler;
  }

  /**
   * Adds the gradients of a batch. `share` is what the batch counts among those of one step.
   *
   * @returns what the loss function gave, as numbers
   * @throws TrainError `ERR_TRAIN_NON_FINITE` before any weight is changed
   */
  accumulate(batch: Batch, share: number): Map<string, number> {
    const { model, ddp, loss: lossOf } = this.#options;
    return scope(() => {
      const { loss, logs } = parted(this.#cast(() => lossOf(batch, ddp ?? (model as Module))));
      const values = new Map([['loss', Number(loss.item())], ...logs]);
      if (!Number.isFinite(values.get('loss'))) {
        throw new TrainError(`Expected a finite loss, got ${values.get('loss')}`, {
          code: 'ERR_TRAIN_NON_FINITE',
        });
      }
      const shared = share === 1 ? loss : loss.mul(share);
      (this.#scaler?.scale(shared) ?? shared).backward();
      return values;
    });
  }

  /**
   * Changes the weights by the gradients, and forgets these.
   *
   * @param number of the step, from 1
   * @param scale what gradients are multiplied by before
   */
  step(number: number, scale: number): void {
    const { model, clipGradNorm, beforeStep, ema, emaSteps = 1 } = this.#options;
    const optimizers = optimizersOf(this.#options).map(([, optimizer]) => optimizer);
    scope(() => {
      if (scale !== 1) scaleGradients(optimizers, scale);
      if (this.#scaler !== undefined && (clipGradNorm !== undefined || beforeStep !== undefined))
        for (const optimizer of optimizers) this.#scaler.unscale_(optimizer);
      beforeStep?.();
      if (clipGradNorm !== undefined) clipGradNorm_(model.parameters(), clipGradNorm);
      for (const optimizer of optimizers) {
        if (this.#scaler === undefined) (optimizer.step as () => unknown).call(optimizer);
        else this.#scaler.step(optimizer);
      }
      this.#scaler?.update();
    });
    for (const optimizer of optimizers) optimizer.zeroGrad();
    if (number % emaSteps === 0) ema?.updateParameters(model);
  }

  #cast<T>(compute: () => T): T {
    const { amp, device = 'cpu' } = this.#options;
    return amp === undefined ? compute() : autocast(device, { dtype: amp }, compute);
  }
}

function scaleGradients(optimizers: readonly AnyOptimizer[], scale: number): void {
  const parameters = optimizers.flatMap(({ paramGroups }) => paramGroups.flatMap(({ params }) => params));
  noGrad(() => {
    for (const { grad } of parameters) grad?.mul_(scale);
  });
}

interface Parted {
  readonly loss: Tensor;
  readonly logs: [name: string, value: number][];
}

function parted(result: unknown): Parted {
  const record = isTensor(result) ? { loss: result } : (result as Record<string, unknown> | null | undefined);
  const loss = record?.loss;
  if (!isTensor(loss) || loss.numel() !== 1) {
    throw new TypeError(
      `Expected a Tensor with one element, or { loss } with one, from Trainer loss, got ${describeValue(result)}`,
    );
  }
  const logs = Object.entries(record as Record<string, unknown>).filter(([name]) => name !== 'loss');
  return { loss, logs: logs.map(([name, value]) => [name, Number(isTensor(value) ? value.item() : value)]) };
}
