import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { noGrad, ones, randn, type Tensor } from '../../lib/tensor/index.ts';
import { message } from './messages.ts';
import { elements, fixture, relativeError } from './numbers.ts';
import { type ModuleCase, replay, titles } from './replay.ts';

const cases = fixture<ModuleCase[]>('nn/transformer.json');

describe('Transformer', () => {
  it.each(titles(cases))('%s matches PyTorch in its weights, values and gradients', (_, item) =>
    replay(item, 1e-5),
  );

  it('hides the future behind its mask', () => {
    const mask = nn.Transformer.generateSquareSubsequentMask(3, { dtype: 'float64' });
    expect(mask.dtype).toBe('float64');
    expect(elements(mask)).toEqual([0, -Infinity, -Infinity, 0, 0, -Infinity, 0, 0, 0]);
    const layer = new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 8 }).eval();
    const [long, options] = [randn([3, 1, 4]), { isCausal: true }];
    const first = (x: Tensor, size: number) => {
      const srcMask = nn.Transformer.generateSquareSubsequentMask(size);
      return noGrad(() => elements(layer.forward(x, { ...options, srcMask }).select(0, 0)));
    };
    expect(relativeError(first(long, 3), first(long.narrow(0, 0, 1), 1))).toBeLessThan(1e-6);
  });

  it('takes activations, norms and layers of your own', () => {
    const encoder = new nn.TransformerEncoder(
      new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 8, activation: new nn.Tanh() }),
      2,
      { norm: new nn.LayerNorm(4) },
    );
    const kept: Tensor[] = [];
    const layer = new nn.TransformerDecoderLayer(4, 2, {
      dimFeedforward: 8,
      activation: (x) => {
        kept.push(x);
        return x.relu();
      },
    });
    const decoder = new nn.TransformerDecoder(layer, 2);
    const x = ones([3, 1, 4]);
    expect(decoder.forward(x, encoder.forward(x)).shape).toEqual([3, 1, 4]);
    expect(kept.map((tensor) => tensor.shape)).toEqual([
      [3, 1, 8],
      [3, 1, 8],
    ]);
    const model = new nn.Transformer(4, 2, { customEncoder: encoder, customDecoder: decoder });
    expect(model.encoder).toBe(encoder);
    expect(model.forward(x, x).shape).toEqual([3, 1, 4]);
  });

  it('takes its sizes in order, or by name', () => {
    const named = { dModel: 4, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 8 };
    const inOrder = new nn.Transformer(4, 2, 1, 1, 8);
    expect(String(inOrder)).toBe(String(new nn.Transformer(named)));
  });

  it('says what is wrong with its arguments', () => {
    const model = new nn.Transformer(4, 2, { numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 4 });
    const [x, y] = [ones([3, 1, 4]), ones([3, 2, 4])];
    expect([
      message(() => new nn.TransformerEncoderLayer(4, 2, { activation: 'tanh' as never })),
      message(() => new nn.TransformerEncoder(new nn.Linear(1, 1), 0)),
      message(() => new nn.TransformerDecoder(nn.Linear as never, 1)),
      message(() => model.forward(x, y)),
      message(() => model.forward(x, ones([3, 1, 5]))),
      message(() => model.forward(x, x, { mask: x } as never)),
      message(() => model.forward(x, x, { srcMask: ones([2, 2]) })),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected "relu", "gelu", a function or a Module for TransformerEncoderLayer activation, got "tanh"",
        "RangeError: Expected a whole number from 1 to 65536 for TransformerEncoder numLayers, got 0",
        "TypeError: Expected a Module for TransformerDecoder layer, got function",
        "RangeError: Expected one batch size for Transformer arguments "src" and "tgt", got shapes [3,1,4] and [3,2,4]",
        "RangeError: Expected 4 features for Transformer argument "tgt", got shape [3,1,5]",
        "RangeError: Expected a known option for Transformer.forward, got "mask"; known options: tgtMask, memoryMask, tgtKeyPaddingMask, memoryKeyPaddingMask, tgtIsCausal, memoryIsCausal, srcMask, srcKeyPaddingMask, srcIsCausal",
        "RangeError: Expected shape [3,3] or [2,3,3] for attention argument "attnMask", got shape [2,2]",
      ]
    `);
  });
});
