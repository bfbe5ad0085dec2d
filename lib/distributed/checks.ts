import { describeValue } from '../options.ts';
import { isTensor, type Tensor } from '../tensor/index.ts';

/** Refuses all but integers from `least` to `most`. */
export function checkInteger(
  owner: string,
  value: unknown,
  least = 0,
  most = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  if (typeof value !== 'number')
    throw new TypeError(`Expected an integer ${range} for ${owner}, got ${describeValue(value)}`);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`Expected an integer ${range} for ${owner}, got ${value}`);
}

/** Refuses all but tensors. */
export function checkTensor(owner: string, value: unknown): asserts value is Tensor {
  if (!isTensor(value)) throw new TypeError(`Expected a Tensor for ${owner}, got ${describeValue(value)}`);
}

/** Refuses all but arrays of tensors, and those of another length where one is given. */
export function checkTensors(
  owner: string,
  value: unknown,
  count?: number,
): asserts value is readonly Tensor[] {
  if (!Array.isArray(value))
    throw new TypeError(`Expected an array of Tensors for ${owner}, got ${describeValue(value)}`);
  for (const [i, item] of value.entries()) checkTensor(`${owner}[${i}]`, item);
  if (count !== undefined && value.length !== count)
    throw new RangeError(`Expected ${count} Tensors for ${owner}, one for each rank, got ${value.length}`);
}

/** The longest time: what c10d's milliseconds and its clocks hold. */
const LONGEST = 2 ** 31 - 1;

/** Refuses all but a time in milliseconds. */
export function checkTimeout(owner: string, value: unknown): asserts value is number {
  if (typeof value !== 'number' || Number.isNaN(value))
    throw new TypeError(`Expected milliseconds for ${owner}, got ${describeValue(value)}`);
  if (value < 1 || value > LONGEST)
    throw new RangeError(`Expected milliseconds from 1 to ${LONGEST} for ${owner}, got ${value}`);
}
