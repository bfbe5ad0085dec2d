import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type DType, ops, optim, scope, Tensor, tensor } from '../../lib/index.ts';
import { camelCase } from '../../lib/optim/base/state.ts';
import { root } from '../helpers/index.ts';

/** A tensor as Python printed it: complex numbers as pairs. */
export interface Printed {
  dtype: DType;
  shape: number[];
  data: number[];
}

/** What Python has after ten steps. */
interface Result {
  1: number[][];
  10: number[][];
  state: Record<string, Record<string, unknown>>;
  param_groups: Record<string, unknown>[];
}

/** One optimizer with one set of options; no result where Python's part in it has no counterpart here. */
export interface Case {
  optimizer: string;
  what: string;
  data: string;
  dtype: DType;
  options: Record<string, unknown>;
  result: Result | null;
}

interface Recorded {
  data: Record<string, { params: Printed[]; grads: Printed[][] }>;
  rows: number[][];
  cases: Case[];
}

export const fixtures = join(root, 'test/fixtures/optim');
const recorded: Recorded = JSON.parse(
  gunzipSync(readFileSync(join(fixtures, 'optim-db.json.gz'))).toString(),
);
export const { cases } = recorded;

/** `Adam: amsgrad & fused (float32)`. */
export const titleOf = ({ optimizer, what, dtype }: Case): string => `${optimizer}: ${what} (${dtype})`;

/** The elements in float64, complex numbers as pairs. */
export function numbersOf(x: Tensor): number[] {
  return scope(() => {
    const dense = x.layout === 'strided' ? x.detach() : x.detach().toDense();
    const flat = dense.dtype.startsWith('complex') ? ops.aten.view_as_real(dense) : dense;
    return Array.from(flat.to('float64').data() as Float64Array);
  });
}

/** The script draws pairs, of which real cases take the first. */
function drawn({ shape, data }: Printed, dtype: DType): Tensor {
  return scope(() => {
    const pairs = tensor(data, { dtype: 'float64' }).reshape(shape);
    if (dtype.startsWith('complex')) return ops.aten.view_as_complex(pairs).to(dtype);
    return pairs.select(-1, 0).to(dtype).contiguous();
  });
}

/** An optimizer with its parameters, as the script begins. */
export interface Training {
  params: Tensor[];
  optimizer: optim.Optimizer;
  step: (number: number) => void;
}

export function begin(one: Case, options = optionsOf(one)): Training {
  const params = (recorded.data[one.data] as { params: Printed[] }).params.map((printed) =>
    drawn(printed, one.dtype).requiresGrad_(),
  );
  const Optimizer = optim[one.optimizer as 'SGD'];
  const optimizer = new Optimizer(groupsOf(one, params, Optimizer) as never, options);
  return {
    params,
    optimizer: optimizer as never,
    step: (number) => step(one, { params, optimizer, number }),
  };
}

/** The options of a case under our names. */
export function optionsOf({ options }: Case): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [camelCase(key), value]));
}

function groupsOf(one: Case, params: Tensor[], Optimizer: typeof optim.SGD): unknown {
  if (one.optimizer === 'LBFGS') return params;
  const lr = (one.options.lr as number | undefined) ?? new Optimizer(params).defaults.lr;
  return [{ params: params.slice(0, 2) }, { params: params.slice(2), lr: lr / 2 }];
}

interface Present {
  params: Tensor[];
  optimizer: optim.SGD;
  number: number;
}

function step(one: Case, { params, optimizer, number }: Present): void {
  if (one.optimizer === 'LBFGS') {
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = lossOf(params);
      loss.backward();
      return loss;
    });
    return;
  }
  for (const [i, param] of params.entries()) {
    param.grad = number === 2 && i === 1 ? null : gradient(one, number, i);
  }
  optimizer.step();
}

function gradient(one: Case, number: number, i: number): Tensor {
  const { params, grads } = recorded.data[one.data] as { params: Printed[]; grads: Printed[][] };
  const values = drawn(grads[number]?.[i] as Printed, one.dtype);
  if (one.data !== 'sparse') return values;
  const rows = tensor([recorded.rows[i] as number[]], { dtype: 'int64' });
  return ops.aten.sparse_coo_tensor(rows, values, params[i]?.shape.slice(0, -1) as number[]);
}

function lossOf(params: readonly Tensor[]): Tensor {
  const parts = params.map((p) => (p.dtype.startsWith('complex') ? ops.aten.view_as_real(p) : p));
  const terms = parts.map((p, i) =>
    p
      .sub(0.5)
      .pow(2)
      .mul(i + 1)
      .sum()
      .add(p.pow(4).sum().div(4)),
  );
  return terms.reduce((sum, term) => sum.add(term));
}

/** Where two values, tensors inside them included, differ by more than `bound`; undefined where they do not. */
export function difference(actual: unknown, want: unknown, bound: number, path = ''): string | undefined {
  if (actual instanceof Tensor) return tensorDifference(actual, want as Printed, bound, path);
  if (typeof want === 'number' && typeof actual === 'number') {
    return within(actual, want, bound) ? undefined : `${path}: ${actual} for ${want}`;
  }
  if (Array.isArray(want)) return arrayDifference(actual, want, bound, path);
  return (actual ?? null) === (want ?? null) ? undefined : `${path}: ${String(actual)} for ${String(want)}`;
}

export const within = (actual: number, want: number, bound: number): boolean =>
  Math.abs(actual - want) <= bound * Math.max(1, Math.abs(want));

function arrayDifference(
  actual: unknown,
  want: readonly unknown[],
  bound: number,
  path: string,
): string | undefined {
  const items = Array.isArray(actual) ? actual : [];
  if (items.length !== want.length) return `${path}: ${items.length} items for ${want.length}`;
  return want
    .map((item, i) => difference(items[i], item, bound, `${path}[${i}]`))
    .find((found) => found !== undefined);
}

function tensorDifference(
  actual: Tensor,
  want: Printed | number,
  bound: number,
  path: string,
): string | undefined {
  if (typeof want === 'number') return difference(actual.item(), want, bound, path);
  if (actual.dtype !== want.dtype) return `${path}: ${actual.dtype} for ${want.dtype}`;
  if (actual.shape.join() !== want.shape.join()) return `${path}: [${actual.shape}] for [${want.shape}]`;
  return arrayDifference(numbersOf(actual), want.data, bound, path);
}
