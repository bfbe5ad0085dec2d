import type { PlanDType } from '../plan-options.ts';
import type { AtenStepArg, Plan, PlanAffine, PlanBuffer, PlanStep, ValueId } from './plan.ts';

const ALIGNMENT = 64;

/** Bytes of one image's part of a buffer. */
export function bufferBytes(buffer: Omit<PlanBuffer, 'offset'>, dtype: PlanDType): number {
  return buffer.channels * buffer.height * buffer.width * elementBytes(buffer, dtype);
}

function elementBytes({ kind, quantization }: Omit<PlanBuffer, 'offset'>, dtype: PlanDType): number {
  if (quantization !== undefined) return 1;
  if (kind === 'indices') return 8;
  return kind === 'vector' || dtype === 'float32' ? 4 : 2;
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function affineReads(affine: PlanAffine | null): ValueId[] {
  return [affine?.scale, affine?.shift].flatMap((vector) =>
    vector && 'value' in vector ? vector.value : [],
  );
}

const given = (...values: (ValueId | null | undefined)[]): ValueId[] =>
  values.filter((value) => value !== null && value !== undefined);

const valuesOf = (arg: AtenStepArg): ValueId[] =>
  'value' in arg ? [arg.value] : 'list' in arg ? arg.list.flatMap(valuesOf) : [];

/** Values that a step reads, and those that it writes. */
export function accesses(step: PlanStep): { reads: ValueId[]; writes: ValueId[] } {
  switch (step.op) {
    case 'conv':
    case 'int8Conv': {
      const input = typeof step.input === 'number' ? step.input : null;
      const writes = given(step.output, step.mean, step.variance);
      return { reads: [...given(input, step.add), ...affineReads(step.pre)], writes };
    }
    case 'maxPool':
    case 'avgPool':
    case 'globalMean':
      return { reads: [step.input, ...affineReads(step.pre)], writes: [step.output] };
    case 'apply':
      return {
        reads: [...given(step.input, step.gate, step.add), ...affineReads(step.pre)],
        writes: [step.output],
      };
    case 'pointwise': {
      const other = step.other && 'value' in step.other ? step.other.value : null;
      return { reads: [...given(step.input, other), ...affineReads(step.pre)], writes: [step.output] };
    }
    case 'statistics':
      return { reads: [step.input], writes: [step.mean, step.variance] };
    case 'instanceAffine':
    case 'groupAffine': {
      const reads = step.parts.flatMap(({ mean, variance }) => [mean, variance]);
      return { reads, writes: [step.scale, step.shift] };
    }
    case 'fromPlanar':
      return { reads: [], writes: [step.output] };
    case 'linear':
    case 'int8Linear':
    case 'resize':
    case 'argmax':
    case 'softmax':
    case 'layerNorm':
    case 'reduce':
    case 'copy':
      return { reads: [step.input], writes: [step.output] };
    case 'aten': {
      const reads = [...(step.before ?? []), step].flatMap(({ args }) => args.flatMap(valuesOf));
      return { reads, writes: [step.output] };
    }
  }
}

interface Block {
  bytes: number;
  /** First and last step that touch it. */
  first: number;
  last: number;
  offset: number;
}

function blocksOf(plan: Omit<Plan, 'arenaBytes'>): Block[] {
  const blocks = plan.buffers.map((buffer) => {
    const bytes = aligned(bufferBytes(buffer, plan.dtype));
    return { bytes, first: Number.POSITIVE_INFINITY, last: -1, offset: 0 };
  });
  const touch = (value: ValueId, step: number) => {
    const block = blocks[plan.values[value]?.buffer ?? -1] as Block;
    block.first = Math.min(block.first, step);
    block.last = Math.max(block.last, step);
  };
  for (const [index, step] of plan.steps.entries()) {
    const { reads, writes } = accesses(step);
    for (const value of [...reads, ...writes]) touch(value, index);
  }
  for (const { value } of plan.outputs) touch(value, plan.steps.length);
  return blocks;
}

/** The offset of the tightest gap between blocks that are alive at the same time, or behind them. */
function bestOffset(block: Block, placed: readonly Block[]): number {
  const alive = placed.filter((other) => other.first <= block.last && block.first <= other.last);
  let [best, tightest, end] = [-1, Number.POSITIVE_INFINITY, 0];
  for (const other of alive.sort((a, b) => a.offset - b.offset)) {
    const gap = other.offset - end;
    if (gap >= block.bytes && gap < tightest) [best, tightest] = [end, gap];
    end = Math.max(end, other.offset + other.bytes);
  }
  return best >= 0 ? best : end;
}

/** Gives every buffer its offset in one arena, largest first. Returns the bytes of the arena. */
export function planMemory(plan: Omit<Plan, 'arenaBytes'>): number {
  const blocks = blocksOf(plan);
  const placed: Block[] = [];
  for (const block of [...blocks].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    block.offset = bestOffset(block, placed);
    placed.push(block);
  }
  for (const [i, buffer] of plan.buffers.entries()) buffer.offset = (blocks[i] as Block).offset;
  return Math.max(0, ...blocks.map(({ offset, bytes }) => offset + bytes));
}
