import { disposeTensors } from './batch-tensors.ts';
import type { Ranks } from './ranks.ts';

/**
 * The batches of this rank, as long as every rank has one: where images are left out, ranks may have unlike numbers, and
 * those that went on would wait for ever. What is left on the others is told and not used.
 */
export async function* batchesOfAll<Batch>(
  data: AsyncIterable<Batch> | Iterable<Batch>,
  ranks: Ranks,
  warn: (message: string) => void,
): AsyncGenerator<Batch, void, undefined> {
  if (ranks.count === 1) {
    yield* data;
    return;
  }
  let batches = 0;
  for await (const batch of data) {
    const having = await ranks.countOf(true);
    if (having < ranks.count) {
      disposeTensors(batch);
      tellEnd(batches, warn);
      return;
    }
    batches++;
    yield batch;
  }
  const having = await ranks.countOf(false);
  if (having > 0) tellEnd(batches, warn);
}

function tellEnd(batches: number, warn: (message: string) => void): void {
  warn(`A rank has no more than ${batches} batches: the epoch ends there on all ranks`);
}
