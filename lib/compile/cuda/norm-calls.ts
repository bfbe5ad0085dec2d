import type { FusedNormNode, NormPart } from '../graph/graph.ts';
import { batchAffine } from './weights.ts';

/** A call of `ibn::instance_batch_norm`, which takes one range of channels by instance. */
export interface NormCall {
  /** Whether it adds the node's second operand. */
  residual: boolean;
  /** The arguments behind input and residual. */
  args: unknown[];
}

interface InstanceRange {
  start: number;
  end: number;
  part: Extract<NormPart, { kind: 'instance' }> | null;
}

function instanceRanges(parts: readonly NormPart[]): InstanceRange[] {
  const ranges: InstanceRange[] = [];
  let start = 0;
  for (const part of parts) {
    const end = start + part.channels;
    if (part.kind === 'instance') ranges.push({ start, end, part });
    start = end;
  }
  return ranges;
}

/** The last one applies constants and ReLU; those before leave the other channels as they are. */
function callOf(node: FusedNormNode, range: InstanceRange, first: boolean, last: boolean): NormCall {
  const { start, end, part } = range;
  const batch = last ? batchAffine(node.norm.parts, start, end) : null;
  const instance = [part?.weight ?? null, part?.bias ?? null];
  const others = [batch?.weight ?? null, batch?.bias ?? null, batch?.mean ?? null, batch?.variance ?? null];
  const args = [start, end, ...instance, ...others, part?.eps ?? 1e-5, 0, last && node.relu];
  return { residual: first, args };
}

/** The calls for a norm, in order: one, but for norms with several ranges by instance. */
export function normCalls(node: FusedNormNode): NormCall[] {
  const found = instanceRanges(node.norm.parts);
  const ranges = found.length === 0 ? [{ start: 0, end: 0, part: null }] : found;
  return ranges.map((range, i) => callOf(node, range, i === 0, i === ranges.length - 1));
}
