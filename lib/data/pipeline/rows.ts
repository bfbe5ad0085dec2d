import type { Tensor } from '../../tensor/index.ts';

interface Row {
  readonly batch: Tensor;
  readonly index: number;
}

const rows = new WeakMap<Tensor, Row>();

/** Rows of a batch (N, ...), one for each of its images. */
export function rowsOf(batch: Tensor): Tensor[] {
  return Array.from({ length: batch.shape[0] as number }, (_, index) => {
    const row = batch.select(0, index);
    rows.set(row, { batch, index });
    return row;
  });
}

/** The batch that these tensors are all the rows of, in order: stacking them would copy it. The rows are freed. */
export function batchOfRows(tensors: readonly Tensor[]): Tensor | undefined {
  const batch = rows.get(tensors[0] as Tensor)?.batch;
  if (batch === undefined || batch.shape[0] !== tensors.length) return undefined;
  const isWhole = tensors.every((tensor, i) => {
    const row = rows.get(tensor);
    return row?.batch === batch && row.index === i;
  });
  if (!isWhole) return undefined;
  for (const tensor of tensors) tensor.dispose();
  return batch;
}
