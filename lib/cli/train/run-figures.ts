import { scope, type Tensor } from '../../tensor/index.ts';
import { ClassificationMetrics, evaluate, type Figures } from '../../train/index.ts';
import type { ImageNetwork } from '../network/network-runner.ts';
import type { CommandRanks } from '../ranks.ts';
import type { StopSignals } from '../stop-signals.ts';
import type { RunData } from './run-data.ts';

/** Behind an epoch: loss and accuracy over all of `val`, each image once, whichever rank has it. */
export async function runFigures(
  model: ImageNetwork,
  data: RunData,
  device: string,
  stop: StopSignals,
  ranks: CommandRanks,
): Promise<Figures> {
  const metrics = new ClassificationMetrics(data.classes.length);
  const update = (output: Tensor, target: Tensor) => scope(() => metrics.update(output.to('cpu'), target));
  await evaluate(model, untilStopped(data.val, stop), { update }, { device });
  // A rank that was told to stop says so to the others, which would wait for it.
  if ((await ranks.sum(Number(stop.signal.aborted))) > 0) stop.obey();
  stop.signal.throwIfAborted();
  await ranks.total(metrics);
  await data.countUnreadable();
  const { loss, top1, top5 } = metrics.summary();
  return { loss, top1, ...(top5 === null ? {} : { top5 }) };
}

async function* untilStopped<Batch>(batches: AsyncIterable<Batch>, { signal }: StopSignals) {
  for await (const batch of batches) {
    if (signal.aborted) return;
    yield batch;
  }
}
