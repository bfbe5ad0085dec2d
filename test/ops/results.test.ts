import { describe, expect, it } from 'vitest';
import { Complex, manualSeed, ops, scope, Tensor } from '../../lib/tensor/index.ts';
import { expectClose, fixture, type Numbers, toTensor } from '../helpers/index.ts';

type Encoded =
  | null
  | boolean
  | number
  | string
  | Encoded[]
  | { tensor: Numbers }
  | { dtype: string }
  | { complex: [number, number] };
interface Case {
  op: string;
  args: Encoded[];
  kwargs: Record<string, Encoded>;
  results: Encoded[];
  seed?: number;
}
const groups = fixture<Record<string, Case[]>>('tensor/ops.json');

function decode(value: Encoded): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== 'object' || value === null) return value;
  if ('tensor' in value) return toTensor(value.tensor);
  if ('dtype' in value) return value.dtype;
  return new Complex(...value.complex);
}

function call({ op, args, kwargs, seed }: Case): unknown[] {
  const [name, overload] = op.split('.') as [string, string];
  const packets = ops.aten as unknown as Record<string, Record<string, (...args: unknown[]) => unknown>>;
  const options = Object.entries(kwargs).map(([key, value]) => [key, decode(value)]);
  const given = args.map(decode);
  if (options.length > 0) given.push(Object.fromEntries(options));
  if (seed !== undefined) manualSeed(seed);
  const result = packets[name]?.[overload]?.(...given);
  return Array.isArray(result) ? result : [result];
}

function check(actual: unknown, expected: Encoded): void {
  if (Array.isArray(expected)) {
    for (const [i, item] of expected.entries()) check((actual as unknown[])[i], item);
  } else if (typeof expected === 'object' && expected !== null && 'tensor' in expected) {
    expect(actual).toBeInstanceOf(Tensor);
    expectClose(actual as Tensor, expected.tensor, { rtol: 1e-5 });
  } else {
    expect(actual).toEqual(decode(expected));
  }
}

describe('ops give the results of PyTorch', () => {
  for (const [group, cases] of Object.entries(groups)) {
    it.each(cases.map((item, i) => ({ ...item, i })))(`${group} $i: aten.$op`, (item) => {
      scope(() => {
        const results = call(item);
        expect(results).toHaveLength(item.results.length);
        for (const [i, result] of results.entries()) check(result, item.results[i] as Encoded);
      });
    });
  }
});
