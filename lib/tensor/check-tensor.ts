import { isTensorObject } from '../ops/index.ts';
import { describeValue } from '../options.ts';
import type { Tensor } from './tensor.ts';

const isTensor = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && isTensorObject(value);

/**
 * Refuses what is no tensor, before its methods are called.
 *
 * @throws TypeError.
 */
export function checkTensor(owner: string, name: string, value: unknown): asserts value is Tensor {
  if (isTensor(value)) return;
  throw new TypeError(`Expected a Tensor for ${owner} argument "${name}", got ${describeValue(value)}`);
}

/** The same, where null stands for none. */
export function checkMaybeTensor(
  owner: string,
  name: string,
  value: unknown,
): asserts value is Tensor | null {
  if (value === null || isTensor(value)) return;
  throw new TypeError(
    `Expected a Tensor or null for ${owner} argument "${name}", got ${describeValue(value)}`,
  );
}

/**
 * The tensors of an array, or of anything else that gives them one by one.
 *
 * @throws TypeError that says which of them is none.
 */
export function listOfTensors(owner: string, name: string, value: unknown): Tensor[] {
  const isList = typeof value === 'object' && value !== null && Symbol.iterator in value && !isTensor(value);
  const expected = `Expected a list of Tensors for ${owner} argument "${name}"`;
  if (!isList) throw new TypeError(`${expected}, got ${describeValue(value)}`);
  const list = [...(value as Iterable<unknown>)];
  const wrong = list.findIndex((item) => !isTensor(item));
  if (wrong >= 0) throw new TypeError(`${expected}, got ${describeValue(list[wrong])} at ${wrong}`);
  return list as Tensor[];
}
