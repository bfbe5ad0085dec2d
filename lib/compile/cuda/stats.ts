import type { EngineStats } from '../native.ts';
import { weightBytes } from './place.ts';
import type { CudaCall, CudaPlan } from './plan.ts';
import type { ShapeGraph } from './shape-graph.ts';

type Counts = Pick<EngineStats, 'batches' | 'images' | 'queued'>;

/** `composed (slower)` for a fused op that is done by others in the graph last used; else the op itself. */
function algorithmOf({ op }: CudaCall, index: number, graph: ShapeGraph | undefined): string {
  const reason = graph?.composed.get(index);
  return reason === undefined ? op : `composed (${reason})`;
}

/** A model's figures in the form that engines of the CPU have. */
export function cudaStats(
  plan: CudaPlan,
  graphs: readonly [string, ShapeGraph][],
  counts: Counts,
): EngineStats {
  const latest = graphs.at(-1)?.[1];
  return {
    ...counts,
    threads: 0,
    microBatch: 0,
    instructionSet: 'cuda',
    arenaBytes: graphs.reduce((sum, [, { bytes }]) => sum + bytes, 0),
    weightBytes: weightBytes(plan),
    graphs: graphs.map(([key]) => Number.parseInt(key, 10)),
    steps: plan.calls.map((call, i) => ({
      name: call.name,
      op: call.op,
      algorithm: algorithmOf(call, i, latest),
      milliseconds: 0,
    })),
  };
}
