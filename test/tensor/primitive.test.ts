import { describe, expect, it } from 'vitest';
import { arange, Complex, type Tensor, tensor, where } from '../../lib/tensor/index.ts';
import { message, withScope } from '../helpers/index.ts';

const number = (x: Tensor) => x as unknown as number;

describe('a tensor among JavaScript values', () => {
  it(
    'of one element counts as its item in arithmetic and comparisons',
    withScope(() => {
      const three = number(tensor(3));
      expect([three > 2, three < 2, three + 1, 2 * three, three <= number(tensor([[3]]))]).toEqual([
        true,
        false,
        4,
        6,
        true,
      ]);
      expect(Math.max(three, 7) + Number(tensor([5], { dtype: 'int64' }))).toBe(12);
      expect(number(tensor([true])) + 1).toBe(2);
      expect((tensor([2n ** 60n]) as unknown as bigint) + 1n).toBe(2n ** 60n + 1n);
    }),
  );

  it(
    'prints in template strings as everywhere',
    withScope(() => {
      expect(`${tensor(3)} ${tensor([1, 2])}`).toBe('tensor(3.) tensor([1., 2.])');
    }),
  );

  it(
    'of several elements refuses operators, and says what to call',
    withScope(() => {
      expect(message(() => number(tensor([1, 2])) > 1)).toMatchInlineSnapshot(
        `"TypeError: Expected a tensor of one element in a JavaScript expression, got one of shape [2]; call its methods (add, gt, ...), toArray() or toString()"`,
      );
      expect(message(() => number(tensor([])) + 1)).toContain('got one of shape [0]');
      expect(message(() => number(tensor(new Complex(1, 2))) + 1)).toMatchInlineSnapshot(
        `"TypeError: Expected a real number in a JavaScript expression, got a complex tensor; call item()"`,
      );
    }),
  );

  it(
    'is refused by JSON, structuredClone and postMessage instead of becoming {}',
    withScope(() => {
      const x = tensor([1]);
      expect(message(() => JSON.stringify({ loss: x }))).toMatchInlineSnapshot(
        `"TypeError: Expected plain values for JSON, got a Tensor; call item() or toArray(), or save it with checkpoint.save()"`,
      );
      expect(message(() => structuredClone({ x }))).toMatchInlineSnapshot(
        `"DataCloneError: Symbol(a native object stays on its thread: send data(), shape and dtype of a tensor instead) could not be cloned."`,
      );
      const { port1 } = new MessageChannel();
      expect(message(() => port1.postMessage(x))).toContain('DataCloneError');
      expect(message(() => structuredClone(x.untypedStorage()))).toContain('DataCloneError');
      port1.close();
    }),
  );

  it(
    'gives its rows when iterated, as views',
    withScope(() => {
      const x = arange(6).view(3, 2);
      const sums = [];
      for (const row of x) sums.push(row.sum().item());
      expect(sums).toEqual([1, 5, 9]);
      const [first, ...others] = x;
      first?.fill_(9);
      expect([x.index(0).toArray(), others.length]).toEqual([[9, 9], 2]);
      expect([...tensor([4, 5])].map(Number)).toEqual([4, 5]);
      expect(message(() => [...tensor(1)])).toMatchInlineSnapshot(
        `"TypeError: Expected a tensor of at least one dimension to iterate over, got one without; call item(), or in a test compare tensors by ibn-net/testing"`,
      );
    }),
  );
});

describe('where', () => {
  it(
    'takes numbers on either side, as a function and as a method',
    withScope(() => {
      const condition = tensor([true, false]);
      const x = tensor([5, 6]);
      const facts = (result: Tensor) => [result.dtype, result.toArray()];
      expect(facts(where(condition, 1, 0))).toEqual(['int64', [1, 0]]);
      expect(facts(where(condition, 1.5, 0))).toEqual(['float32', [1.5, 0]]);
      expect(facts(where(condition, x, 0))).toEqual(['float32', [5, 0]]);
      expect(facts(where(condition, 0, x))).toEqual(['float32', [0, 6]]);
      expect(facts(x.where(condition, -1))).toEqual(['float32', [5, -1]]);
    }),
  );
});
