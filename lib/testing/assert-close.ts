import { AssertionError } from 'node:assert';
import { checkOptions } from '../options.ts';
import { isTensor, scope, type Tensor } from '../tensor/index.ts';
import { type Tolerances, tolerancesOf } from './tolerances.ts';
import { differentKind, plainNumbers } from './values.ts';

/** How `assertClose` compares. */
export interface AssertCloseOptions {
  /** Relative tolerance. Give it and `atol`, or neither. Default by dtype, as torch.testing: 1.3e-6 for float32. */
  rtol?: number;
  /** Absolute tolerance. Default by dtype: 1e-5 for float32, 0 for integers and booleans. */
  atol?: number;
  /** Whether NaN is close to NaN. Default false. */
  equalNaN?: boolean;
  /** Whether dtypes must be the same. Default true. */
  checkDtype?: boolean;
  /** Whether devices must be the same. Default true. */
  checkDevice?: boolean;
}

const OPTIONS = ['rtol', 'atol', 'equalNaN', 'checkDtype', 'checkDevice'];

/** A value that `assertClose` compares: tensors, numbers, and arrays, Maps and plain objects of them. */
export type Comparable =
  | Tensor
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly Comparable[]
  | ReadonlyMap<unknown, unknown>
  | { readonly [key: string]: Comparable };

/**
 * Asserts that tensors are close, as torch.testing.assert_close: the same shape, dtype and device, and each number within
 * `atol + rtol * |expected|`. Looks into arrays, Maps (state dicts) and plain objects, which must have the same keys.
 *
 * @throws AssertionError naming where they differ, how many numbers do, and the largest differences.
 * @throws TypeError for an option that is unknown, or `rtol` without `atol`.
 * @example assertClose(model.forward(x), expected, { rtol: 1e-4, atol: 1e-4 });
 */
export function assertClose(
  actual: Comparable,
  expected: Comparable,
  options: AssertCloseOptions = {},
): void {
  checkOptions('assertClose', options, OPTIONS);
  if ((options.rtol === undefined) !== (options.atol === undefined)) {
    throw new TypeError('Expected both rtol and atol for assertClose, or neither, got one');
  }
  compare(actual, expected, options, '');
}

function fail(expected: string, path: string): never {
  const where = path === '' ? '' : ` at ${path}`;
  const message = `Expected ${expected}${where}`;
  throw new AssertionError({ message, stackStartFn: assertClose });
}

function compare(actual: unknown, expected: unknown, options: AssertCloseOptions, path: string): void {
  const [got, wanted] = [entriesOf(actual), entriesOf(expected)];
  if (isTensor(actual) && isTensor(expected)) {
    compareTensors(actual, expected, options, path);
  } else if (typeof actual === 'number' && typeof expected === 'number') {
    compareNumbers(actual, expected, options, path);
  } else if (got !== undefined && wanted !== undefined) {
    compareEntries(got, wanted, options, path);
  } else if (!Object.is(actual, expected)) {
    fail(`${inWords(expected)}, got ${inWords(actual)}`, path);
  }
}

function inWords(value: unknown): string {
  if (isTensor(value)) return `a tensor of shape [${value.shape.join(', ')}]`;
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null
    ? `a value of class ${value.constructor?.name}`
    : String(value);
}

/** What a container holds, by key; undefined for other values. */
function entriesOf(value: unknown): Map<unknown, unknown> | undefined {
  if (Array.isArray(value)) return new Map(value.entries());
  if (value instanceof Map) return value;
  if (typeof value !== 'object' || value === null || isTensor(value)) return undefined;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? new Map(Object.entries(value)) : undefined;
}

function compareEntries(
  got: Map<unknown, unknown>,
  wanted: Map<unknown, unknown>,
  options: AssertCloseOptions,
  path: string,
): void {
  const list = (keys: unknown[]) => `"${keys.slice(0, 3).join('", "')}"${keys.length > 3 ? ', ...' : ''}`;
  const missing = [...wanted.keys()].filter((key) => !got.has(key));
  const unexpected = [...got.keys()].filter((key) => !wanted.has(key));
  if (missing.length > 0)
    fail(`${list(missing)}, got ${missing.length === 1 ? 'no such key' : 'no such keys'}`, path);
  if (unexpected.length > 0) fail(`no ${list(unexpected)}, got ${unexpected.length} more`, path);
  for (const [key, value] of wanted) compare(got.get(key), value, options, `${path}[${JSON.stringify(key)}]`);
}

function compareNumbers(actual: number, expected: number, options: AssertCloseOptions, path: string): void {
  const { rtol, atol } = chosen(options, tolerancesOf('float64', 'float64'));
  const bothNaN = Number.isNaN(actual) && Number.isNaN(expected);
  if (bothNaN ? options.equalNaN === true : actual === expected) return;
  const difference = Math.abs(actual - expected);
  if (!bothNaN && Number.isFinite(expected) && difference <= atol + rtol * Math.abs(expected)) return;
  fail(`a number close to ${expected}, got ${actual}${allowed({ rtol, atol })}`, path);
}

function chosen({ rtol, atol }: AssertCloseOptions, byDtype: Tolerances): Tolerances {
  return rtol === undefined || atol === undefined ? byDtype : { rtol, atol };
}

const allowed = ({ rtol, atol }: Tolerances) => ` (allowed: ${atol} + ${rtol} * |expected|)`;

function compareTensors(actual: Tensor, expected: Tensor, options: AssertCloseOptions, path: string): void {
  const { checkDtype = true, checkDevice = true } = options;
  const other = differentKind(actual, expected, { dtype: checkDtype, device: checkDevice });
  if (other !== undefined) fail(other, path);
  const tolerances = chosen(options, tolerancesOf(actual.dtype, expected.dtype));
  const difference = scope(() => differences(actual, expected, tolerances, options.equalNaN ?? false));
  if (difference !== undefined) fail(difference, path);
}

/** How the numbers of two tensors of one shape differ, in words; undefined where all are close. */
function differences(a: Tensor, b: Tensor, tolerances: Tolerances, equalNan: boolean): string | undefined {
  const [x, y] = sameDtype(plainNumbers(a), plainNumbers(b));
  if (x.equal(y)) return undefined;
  const wrong = x.isclose(y, { ...tolerances, equalNan }).logicalNot();
  const count = wrong.sum().item();
  if (count === 0) return undefined;
  const apart = x.to('complex128').sub(y.to('complex128')).abs().nanToNum(Infinity, { posinf: Infinity });
  const relative = apart.div(y.to('complex128').abs()).nanToNum(Infinity, { posinf: Infinity });
  const largest = (values: Tensor) => {
    const among = values.where(wrong, -1);
    return `${Number(among.max().item().toPrecision(3))} at [${indexOf(among, a.shape).join(', ')}]`;
  };
  return (
    `tensors that are close, got ${count} of ${a.numel()} numbers apart: by ${largest(apart)} at most, ` +
    `relatively by ${largest(relative)}${allowed(tolerances)}`
  );
}

function sameDtype(x: Tensor, y: Tensor): [Tensor, Tensor] {
  return x.dtype === y.dtype ? [x, y] : [x.to('complex128'), y.to('complex128')];
}

/** Where the largest number is. */
function indexOf(values: Tensor, shape: number[]): number[] {
  let flat = values.argmax().item();
  return shape.reduceRight<number[]>((index, size) => {
    index.unshift(flat % size);
    flat = Math.floor(flat / size);
    return index;
  }, []);
}
