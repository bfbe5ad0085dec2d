import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { noGrad, ones, randn, scope, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { message } from './messages.ts';
import { elements, expectClose, fixture, relativeError } from './numbers.ts';
import { type AnyModule, type ModuleCase, replay, revive, type TypedNumbers, titles } from './replay.ts';

const { rnn } = nn.utils;
type Case = ModuleCase & { lengths?: number[] };
const cases = fixture<Case[]>('nn/recurrent.json');
const TOLERANCE = 1e-5;

/** The forward of a case of lengths: its input is packed. */
function packing(item: Case) {
  return (module: AnyModule, [x, ...states]: unknown[]): unknown => {
    const batchFirst = (item.options.batch_first as boolean | undefined) ?? false;
    const options = { batchFirst, enforceSorted: false };
    return module.forward(rnn.packPaddedSequence(x as Tensor, item.lengths as number[], options), ...states);
  };
}

describe('recurrent layers', () => {
  it.each(titles(cases))('%s matches PyTorch in its weights, values and gradients', (_, item) => {
    const { lengths } = item as Case;
    replay(item, TOLERANCE, lengths === undefined ? undefined : packing(item));
  });

  it('take weights of others, and run the same in inference', () => {
    const lstm = new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true });
    const other = lstm.clone();
    const x = randn([5, 2, 3]);
    const [output, [hidden]] = lstm.forward(x);
    const inference = noGrad(() => other.eval().forward(x)[0]);
    expect(relativeError(elements(inference), elements(output))).toBeLessThan(1e-6);
    expect(hidden.shape).toEqual([4, 2, 4]);
    other.registerParameter('weight_hh_l0', new nn.Parameter(ones([16, 4])));
    expect(elements(other.forward(x)[0])).not.toEqual(elements(output));
  });

  it('survive scopes with what they give, packed or not', () => {
    const gru = new nn.GRU(3, 4);
    const [packed, hidden] = scope(() => gru.forward(rnn.packSequence([ones([2, 3]), ones([1, 3])])));
    expect(packed.data.shape).toEqual([3, 4]);
    expect(hidden.shape).toEqual([1, 2, 4]);
  });

  it('warn of dropout after the only layer', () => {
    const warnings: string[] = [];
    const emitted = process.emitWarning;
    process.emitWarning = ((text: string) => warnings.push(text)) as typeof process.emitWarning;
    try {
      new nn.GRU(2, 3, { dropout: 0.5 });
    } finally {
      process.emitWarning = emitted;
    }
    expect(warnings).toEqual([
      'GRU: dropout 0.5 comes after all layers but the last, and there is one; pass numLayers above 1',
    ]);
  });

  it('say what is wrong with their arguments', () => {
    const [lstm, cell] = [new nn.LSTM(3, 4), new nn.GRUCell(3, 4)];
    const x = ones([5, 2, 3]);
    expect([
      message(() => new nn.LSTM(3, 4, { projSize: 4 })),
      message(() => new nn.GRU(3, 4, { projSize: 2 } as never)),
      message(() => new nn.RNN(3, 0)),
      message(() => new nn.RNN(3, 4, { nonlinearity: 'gelu' as never })),
      message(() => new nn.RNN(3, 4, { dropout: 2 })),
      message(() => lstm.forward(ones([5, 2, 4]))),
      message(() => lstm.forward(ones([3]))),
      message(() => lstm.forward(x, [ones([1, 2, 4]), ones([1, 3, 4])])),
      message(() => lstm.forward(x, ones([1, 2, 4]) as never)),
      message(() => lstm.forward(ones([5, 3]), [ones([1, 1, 4]), ones([1, 1, 4])])),
      message(() => cell.forward(ones([2, 4]))),
      message(() => cell.forward(ones([2, 3]), ones([3, 4]))),
      message(() => rnn.packSequence([ones([1, 3]), ones([2, 3])])),
      message(() => rnn.padPackedSequence(rnn.packSequence([ones([2, 3])]), { totalLength: 1 })),
      message(() => rnn.padPackedSequence(x as never)),
      message(() => rnn.padSequence([x], { paddingSide: 'top' as never })),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected a projSize below LSTM hiddenSize 4, got 4",
        "RangeError: Expected a known option for GRU, got "projSize"; known options: numLayers, bias, batchFirst, dropout, bidirectional, device, dtype",
        "RangeError: Expected a whole number of at least 1 for RNN hiddenSize, got 0",
        "RangeError: Expected "tanh" or "relu" for RNN nonlinearity, got "gelu"",
        "RangeError: Expected a probability from 0 to 1 for RNN dropout, got 2",
        "RangeError: Expected 3 features (inputSize) in the last of 3 dimensions for LSTM input, got shape [5,2,4]",
        "RangeError: Expected 2 or 3 dimensions for LSTM input, got shape [3]",
        "RangeError: Expected shape [1,2,4] for the cell state of LSTM, got [1,3,4]",
        "TypeError: Expected [hidden, cell] for the states of LSTM, got something else",
        "RangeError: Expected 2 dimensions for the states of LSTM, as its input has, got shape [1,1,4]",
        "RangeError: Expected shape [batch, 3] or [3] for GRUCell input, got [2,4]",
        "RangeError: Expected shape [2,4] for the states of GRUCell, got [3,4]",
        "RangeError: Expected lengths in descending order for packPaddedSequence, got [1,2]; pass { enforceSorted: false }",
        "RangeError: Expected a totalLength of at least 2, the longest sequence's, for padPackedSequence, got 1",
        "TypeError: Expected a PackedSequence for padPackedSequence, got a Tensor",
        "RangeError: Expected paddingSide "left" or "right" for padSequence, got "top"",
      ]
    `);
  });
});

describe('nn.utils.rnn', () => {
  const want = fixture<Record<string, unknown>>('nn/sequences.json');
  const sequences = revive(want.sequences) as Tensor[];
  const expectAll = (actual: readonly (Tensor | null)[], expected: unknown): void => {
    for (const [i, numbers] of (expected as TypedNumbers[]).entries())
      expectClose(actual[i] as Tensor, numbers);
  };

  it('pads and packs as PyTorch does', () => {
    expectAll([rnn.padSequence(sequences)], [want.padded]);
    const left = { batchFirst: true, paddingValue: -1, paddingSide: 'left' } as const;
    expectAll([rnn.padSequence(sequences, left)], [want.left]);
    const packed = rnn.packSequence(sequences, { enforceSorted: false });
    expectAll(packed, want.packed);
    expectAll(
      rnn.padPackedSequence(packed, { batchFirst: true, paddingValue: 7, totalLength: 5 }),
      want.unpacked,
    );
    expectAll(rnn.unpackSequence(packed), want.sequences);
  });

  it('takes lengths as a tensor, and packed sequences apart as a tuple', () => {
    const padded = rnn.padSequence(sequences);
    const lengths = tensor([2, 4, 1], { dtype: 'int64' });
    const [data, batchSizes, sorted] = rnn.packPaddedSequence(padded, lengths, { enforceSorted: false });
    expect(data?.shape).toEqual([7, 3]);
    expect(elements(batchSizes as Tensor)).toEqual([3, 2, 1, 1]);
    expect(elements(sorted as Tensor)).toEqual([1, 0, 2]);
    expect(rnn.unpadSequence(padded, lengths).map((x) => x.shape)).toEqual([
      [2, 3],
      [4, 3],
      [1, 3],
    ]);
    expect(rnn.packSequence([ones([2, 3])]).to('float64').data.dtype).toBe('float64');
  });
});
