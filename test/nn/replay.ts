import { expect } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { arange, type DType, manualSeed, Tensor, tensor } from '../../lib/tensor/index.ts';
import { drawnWithin, expectClose, type Numbers } from './numbers.ts';

/** A tensor of a fixture, with its dtype. */
export interface TypedNumbers extends Numbers {
  dtype: DType;
}

/** One module of a fixture, as scripts/fixtures/nn/nn_common.py records it; every tensor in it is `TypedNumbers`. */
export interface ModuleCase {
  module: string;
  args: unknown[];
  options: Record<string, unknown>;
  repr: string;
  inputs: unknown[];
  inputOptions?: Record<string, unknown>;
  outputs: unknown;
  inputGradients: (TypedNumbers | null)[];
  state?: Record<string, TypedNumbers>;
  gradients?: Record<string, TypedNumbers | null>;
  keys?: string[];
}

const isNumbers = (value: unknown): value is TypedNumbers =>
  typeof value === 'object' && value !== null && 'dtype' in value && 'data' in value;

export function toTensor({ shape, dtype, data }: TypedNumbers): Tensor {
  return tensor(data, { dtype }).reshape(shape);
}

/** The same with tensors in place of numbers. */
export function revive(value: unknown): unknown {
  if (isNumbers(value)) return toTensor(value);
  return Array.isArray(value) ? value.map(revive) : value;
}

const camel = (name: string) => name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

export function camelOptions(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), revive(value)]));
}

/** All tensors in a value, in order; of an object (the named tuples of Python) by its fields. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(tensorsIn);
}

function numbersIn(value: unknown): TypedNumbers[] {
  if (isNumbers(value)) return [value];
  return Array.isArray(value) ? value.flatMap(numbersIn) : [];
}

/** The scalar that `scalar_of` of nn_common.py makes. */
export function scalarOf(outputs: Tensor[]): Tensor {
  const sums = outputs
    .filter((output) => output.requiresGrad)
    .map((output) => {
      const factors = arange(output.numel()).remainder(10).mul(0.1).add(1).reshape(output.shape);
      return output.mul(factors).sum();
    });
  return sums.reduce((total, sum) => total.add(sum));
}

export type AnyModule = nn.Module & Record<string, unknown>;

/** Builds the module of a case under its seed. */
export function build({ module, args, options }: ModuleCase): AnyModule {
  manualSeed(7);
  const Class = (nn as unknown as Record<string, new (...args: unknown[]) => AnyModule>)[module];
  if (Class === undefined) throw new Error(`nn has no ${module}`);
  const given = Object.keys(options).length > 0 ? [camelOptions(options)] : [];
  return new Class(...(revive(args) as unknown[]), ...given);
}

function expectGradient(actual: Tensor | null, want: TypedNumbers | null, tolerance: number): void {
  if (want === null) expect(actual).toBeNull();
  else expectClose(actual as Tensor, want, tolerance);
}

/** Runs a case on a copy of its module and compares everything: repr, initial weights within
 * `drawnWithin`, outputs and gradients within `tolerance`. */
export function replay(
  want: ModuleCase,
  tolerance: number,
  forward = (module: AnyModule, inputs: unknown[]): unknown => module.forward(...inputs),
): void {
  const module = build(want).clone();
  expect(module.toString()).toBe(want.repr);
  const state = [...module.stateDict()];
  expect(state.map(([key]) => key)).toEqual(want.keys ?? Object.keys(want.state ?? {}));
  for (const [key, value] of Object.entries(want.state ?? {})) {
    const drawn = module.stateDict().get(key) as Tensor;
    expectClose(
      drawn,
      { shape: value.shape, data: value.data.map(Math.fround) },
      drawnWithin,
      `initial ${key}`,
    );
  }
  const inputs = want.inputs.map(revive);
  const leaves = tensorsIn(inputs)
    .filter((x) => x.isFloatingPoint())
    .slice(0, want.inputGradients.length);
  for (const leaf of leaves) leaf.requiresGrad_();
  const given = want.inputOptions === undefined ? [] : [camelOptions(want.inputOptions)];
  const outputs = tensorsIn(forward(module, [...inputs, ...given]));
  const wanted = numbersIn(want.outputs);
  expect(outputs).toHaveLength(wanted.length);
  for (const [i, output] of outputs.entries()) expectClose(output, wanted[i] as Numbers, tolerance);
  scalarOf(outputs).backward();
  for (const [i, leaf] of leaves.entries()) {
    expectGradient(leaf.grad, want.inputGradients[i] as TypedNumbers | null, tolerance);
  }
  for (const [key, parameter] of module.namedParameters()) {
    expectGradient(parameter.grad, want.gradients?.[key] ?? null, tolerance);
  }
}

/** `LSTM {"bidirectional":true} #3`: a title for `it.each`. */
export function titles(cases: readonly ModuleCase[]): [string, ModuleCase][] {
  return cases.map((item, i) => {
    const options = Object.keys(item.options).map((key) => camel(key));
    return [`${item.module}${options.length > 0 ? ` with ${options.join(', ')}` : ''} (${i})`, item];
  });
}
