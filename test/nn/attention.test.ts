import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { noGrad, ones, randn, type Tensor, zeros } from '../../lib/tensor/index.ts';
import { message } from './messages.ts';
import { elements, expectClose, fixture, relativeError } from './numbers.ts';
import { camelOptions, type ModuleCase, replay, type TypedNumbers, titles, toTensor } from './replay.ts';

const TOLERANCE = 1e-5;
type Case = ModuleCase & { itself?: boolean };
const cases = fixture<Case[]>('nn/attention.json');

describe('MultiheadAttention', () => {
  it.each(titles(cases))('%s matches PyTorch in its weights, values and gradients', (_, item) => {
    const { itself } = item as Case;
    replay(item, TOLERANCE, itself ? (module, [x, options]) => module.forward(x, x, x, options) : undefined);
  });

  it('frees what it makes, and gives the same in inference', () => {
    const attention = new nn.MultiheadAttention(4, 2, { batchFirst: true });
    const x = randn([2, 3, 4]);
    const [output] = attention.forward(x, x, x);
    const [inference] = noGrad(() => attention.eval().forward(x, x, x, { needWeights: false }));
    expect(relativeError(elements(inference), elements(output))).toBeLessThan(1e-6);
    expect(x.shape).toEqual([2, 3, 4]);
  });

  it('takes static keys and values in the function', () => {
    const x = ones([3, 2, 4]);
    const [weight, still] = [ones([12, 4]), zeros([4, 5, 2])];
    const [output, weights] = nn.functional.multiHeadAttentionForward(
      x,
      x,
      x,
      4,
      2,
      weight,
      null,
      null,
      null,
      false,
      0,
      ones([4, 4]),
      null,
      { staticK: still, staticV: still },
    );
    expect(elements(output)).toEqual(Array(24).fill(0));
    expect(weights?.shape).toEqual([2, 3, 5]);
  });

  it('says what is wrong with its arguments', () => {
    const attention = new nn.MultiheadAttention(4, 2);
    const [x, y] = [ones([3, 2, 4]), ones([5, 2, 4])];
    expect([
      message(() => new nn.MultiheadAttention(5, 2)),
      message(() => new nn.MultiheadAttention(4, 2, { heads: 2 } as never)),
      message(() => attention.forward(ones([4]), x, x)),
      message(() => attention.forward(ones([3, 2, 5]), x, x)),
      message(() => attention.forward(x, ones([3, 4]), x)),
      message(() => attention.forward(x, y, x)),
      message(() => attention.forward(x, y, y, { attnMask: ones([3, 3]) })),
      message(() => attention.forward(x, y, y, { attnMask: ones([3, 5], { dtype: 'int64' }) })),
      message(() => attention.forward(x, y, y, { keyPaddingMask: zeros([2, 3]) })),
      message(() => attention.forward(x, y, y, { keyPaddingMask: zeros([5]) })),
      message(() => attention.forward(x, y, y, { isCausal: true })),
      message(() => attention.forward(x, y, y, { mask: x } as never)),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected numHeads to divide MultiheadAttention embedDim 5, got 2",
        "RangeError: Expected a known option for MultiheadAttention, got "heads"; known options: dropout, bias, addBiasKv, addZeroAttn, kdim, vdim, batchFirst, device, dtype",
        "RangeError: Expected 2 or 3 dimensions for attention argument "query", got shape [4]",
        "RangeError: Expected 4 features for attention argument "query", got shape [3,2,5]",
        "RangeError: Expected 3 dimensions, which the query has, for attention argument "key", got shape [3,4]",
        "RangeError: Expected shape [5,2, ...], which the key has, for attention argument "value", got shape [3,2,4]",
        "RangeError: Expected shape [3,5] or [4,3,5] for attention argument "attnMask", got shape [3,3]",
        "TypeError: Expected a bool or floating-point tensor for attention option attnMask, got int64",
        "RangeError: Expected shape [2,5] for attention argument "keyPaddingMask", got shape [2,3]",
        "RangeError: Expected 2 dimensions for attention argument "keyPaddingMask", got shape [5]",
        "RangeError: Expected an attnMask with isCausal for multiHeadAttentionForward; nn.Transformer.generateSquareSubsequentMask makes one",
        "RangeError: Expected a known option for MultiheadAttention.forward, got "mask"; known options: keyPaddingMask, needWeights, attnMask, averageAttnWeights, isCausal",
      ]
    `);
  });
});

describe('scaledDotProductAttention', () => {
  const want = fixture<{
    q: TypedNumbers;
    k: TypedNumbers;
    v: TypedNumbers;
    cases: { options: Record<string, unknown>; output: TypedNumbers }[];
  }>('nn/scaled-attention.json');

  it.each(want.cases.map((item) => [Object.keys(item.options).join(', '), item] as const))(
    'matches PyTorch (%s)',
    (_, { options, output }) => {
      const [q, k, v] = [want.q, want.k, want.v].map(toTensor) as [Tensor, Tensor, Tensor];
      const result = nn.functional.scaledDotProductAttention(q, k, v, camelOptions(options));
      expectClose(result, output, TOLERANCE);
    },
  );

  it('takes its mask and dropout in order', () => {
    const [q, mask] = [toTensor(want.q), ones([3, 3]).tril()];
    const { scaledDotProductAttention: attend } = nn.functional;
    const named = attend(q, q, q, { attnMask: mask, scale: 0.5 });
    expect(attend(q, q, q, mask, 0, { scale: 0.5 }).toArray()).toEqual(named.toArray());
    expect(() => attend(q, q, q, 0.5 as never)).toThrow('for scaledDotProductAttention attnMask');
  });
});
