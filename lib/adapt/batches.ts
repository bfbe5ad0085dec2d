import { checkAsyncIterable, describeValue } from '../options.ts';
import { isTensor, type Tensor } from '../tensor/index.ts';

/** A batch: its inputs (N, ...), or a list that begins with them. */
export type Batch = Tensor | readonly [Tensor, ...unknown[]];

/** Batches to go through, such as a `DataLoader` or an array. They are not disposed. */
export type Batches = AsyncIterable<Batch> | Iterable<Batch>;

export function checkBatches(owner: string, name: string, batches: unknown): void {
  checkAsyncIterable(`${owner} argument "${name}"`, 'an iterable of batches', batches);
}

/** The inputs of a batch. */
export function inputsOf(owner: string, batch: unknown): Tensor {
  const inputs: unknown = Array.isArray(batch) ? batch[0] : batch;
  if (isTensor(inputs) && inputs.dim() > 0) return inputs;
  throw new TypeError(
    `Expected a Tensor (N, ...), or a list that begins with one, as a batch of ${owner}, got ${describeValue(batch)}`,
  );
}

/** The targets behind the inputs; undefined where there are none. */
export function targetsOf(batch: unknown): Tensor | undefined {
  const targets: unknown = Array.isArray(batch) ? batch[1] : undefined;
  return isTensor(targets) ? targets : undefined;
}
