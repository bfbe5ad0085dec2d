import { checkFlag, checkOptions, checkPositions } from '../../options.ts';
import { type CollectiveOptions, groupFor, run } from './run.ts';

/** Waits until all ranks have come here. */
export async function barrier(options: CollectiveOptions = {}): Promise<void> {
  checkPositions('barrier', arguments, 1);
  checkOptions('barrier', options, ['group', 'timeout']);
  const group = groupFor('barrier', options);
  await run('barrier', group, {}, options);
}

/** Options of {@link monitoredBarrier}. */
export interface MonitoredBarrierOptions extends CollectiveOptions {
  /** Name all ranks that did not come, and not the first alone. Default false. */
  waitAllRanks?: boolean;
}

/** As `barrier`, for Gloo; its error names the ranks that did not come. Slower: rank 0 asks each. */
export async function monitoredBarrier(options: MonitoredBarrierOptions = {}): Promise<void> {
  checkPositions('monitoredBarrier', arguments, 1);
  checkOptions('monitoredBarrier', options, ['group', 'timeout', 'waitAllRanks']);
  const { waitAllRanks = false } = options;
  checkFlag('monitoredBarrier waitAllRanks', waitAllRanks);
  const group = groupFor('monitoredBarrier', options);
  await group.exclusively('monitoredBarrier', () =>
    run('monitored_barrier', group, { number: waitAllRanks ? 1 : 0 }, options, true),
  );
}
