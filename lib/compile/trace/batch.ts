import { equal } from '../../tensor/index.ts';
import type { CompileError } from '../errors.ts';
import { errorAt, NETWORK, type Site } from './site.ts';
import type { Trace, TraceArg, TraceOp, TraceValue } from './types.ts';

/**
 * One trace for all batch sizes out of those for two: numbers and sizes that differ are multiples of the batch.
 *
 * @throws CompileError where the two do different work.
 */
export function generalise(a: Trace, b: Trace): Trace {
  const ops = a.ops.map((op, i) => generaliseOp(op, b.ops[i], a, b));
  const extra = b.ops[a.ops.length];
  if (extra !== undefined) throw differs(extra.site, `${extra.name} with ${images(b.batch)} only`);
  checkOutputs(a, b);
  const values = a.values.map((value, i) => ({ ...value, factors: factorsOf(value, b.values[i], a.batch) }));
  return { ...a, ops, values };
}

const images = (batch: number) => (batch === 1 ? '1 image' : `${batch} images`);

/** Sizes that are not the same are multiples of the batch, as `checkShapes` found. */
function factorsOf({ shape }: TraceValue, other: TraceValue | undefined, batch: number): number[] {
  return shape.map((size, d) => (size === other?.shape[d] ? 0 : size / batch));
}

function checkOutputs(a: Trace, b: Trace): void {
  const [one, two] = [a, b].map((trace) => trace.outputs.map(({ name, value }) => `${name}:${value}`).join());
  if (one !== two) throw differs(NETWORK, `other outputs with ${images(a.batch)} than with ${b.batch}`);
}

function generaliseOp(op: TraceOp, other: TraceOp | undefined, a: Trace, b: Trace): TraceOp {
  if (other === undefined) throw differs(op.site, `${op.name} with ${images(a.batch)} only`);
  if (nameOf(op) !== nameOf(other)) {
    const got = `${op.name} with ${images(a.batch)} and ${other.name} with ${b.batch}`;
    throw differs(op.site, got);
  }
  checkShapes(op, other, a, b);
  const args = op.args.map((arg, i) => merge(arg, other.args[i], op, [a.batch, b.batch]));
  return { ...op, args };
}

const nameOf = ({ name, overload, results }: TraceOp) => `${name}.${overload}:${results.join()}`;

function differs(site: Site, got: string): CompileError {
  return errorAt(site, 'ERR_COMPILE_BATCH', `Expected the same ops for every batch size, got ${got}`);
}

function checkShapes(op: TraceOp, other: TraceOp, a: Trace, b: Trace): void {
  for (const [i, result] of op.results.entries()) {
    const [one, two] = [a.values[result]?.shape, b.values[other.results[i] as number]?.shape];
    if (one === undefined || two === undefined) continue;
    const scales = one.length === two.length && one.every((size, d) => fits(size, two[d] as number, a, b));
    if (scales) continue;
    const got = `${op.name} with sizes [${one.join(', ')}] and [${two.join(', ')}]`;
    const message = `Expected sizes that are fixed or multiples of the batch, got ${got}`;
    throw errorAt(op.site, 'ERR_COMPILE_BATCH', message);
  }
}

const fits = (one: number, two: number, a: Trace, b: Trace) => one === two || one * b.batch === two * a.batch;

function merge(a: TraceArg, b: TraceArg | undefined, op: TraceOp, batches: [number, number]): TraceArg {
  if (b === undefined || a.kind !== b.kind) throw differs(op.site, `other arguments of ${op.name}`);
  if (a.kind === 'list' && b.kind === 'list') {
    if (a.items.length !== b.items.length) throw differs(op.site, `other arguments of ${op.name}`);
    return { kind: 'list', items: a.items.map((item, i) => merge(item, b.items[i], op, batches)) };
  }
  if (a.kind === 'constant' && b.kind === 'constant') return checkConstant(a, b, op);
  if (a.kind === 'value' && b.kind === 'value' && a.value !== b.value) {
    throw differs(op.site, `other arguments of ${op.name}`);
  }
  return a.kind === 'literal' && b.kind === 'literal' ? mergeLiterals(a, b, op, batches) : a;
}

type Constant = TraceArg & { kind: 'constant' };

/** A tensor that no op made of the inputs may still hold what was read from them, or random numbers. */
function checkConstant(a: Constant, b: Constant, op: TraceOp): TraceArg {
  const same = a.key !== null ? a.key === b.key : b.key === null && equal(a.tensor, b.tensor);
  if (same) return a;
  throw errorAt(
    op.site,
    'ERR_COMPILE_UNRECORDED',
    `Expected constants that are the same at every run, got one for ${op.name} that differs`,
    'it may hold random numbers, or depend on the inputs or the batch size',
  );
}

type Literal = TraceArg & { kind: 'literal' };

function mergeLiterals(a: Literal, b: Literal, op: TraceOp, [one, two]: [number, number]): TraceArg {
  if (Object.is(a.value, b.value)) return a;
  const factor = typeof a.value === 'number' ? a.value / one : Number.NaN;
  if (Number.isInteger(factor) && typeof b.value === 'number' && factor === b.value / two)
    return { kind: 'batch', factor };
  const got = `${String(a.value)} and ${String(b.value)} for ${op.name} with ${images(one)} and ${two}`;
  const message = `Expected numbers that are fixed or multiples of the batch, got ${got}`;
  throw errorAt(op.site, 'ERR_COMPILE_BATCH', message);
}
