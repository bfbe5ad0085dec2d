import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { manualSeed, ones, type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
import { message } from './messages.ts';
import { elements, expectClose, fixture } from './numbers.ts';
import {
  camelOptions,
  type ModuleCase,
  replay,
  revive,
  type TypedNumbers,
  titles,
  toTensor,
} from './replay.ts';

const cases = fixture<ModuleCase[]>('nn/losses.json');
const TOLERANCE = 1e-5;
const { functional: F } = nn;

/** Functions that are not called as their modules. */
const FUNCTIONS: Record<string, string> = {
  BCELoss: 'binaryCrossEntropy',
  BCEWithLogitsLoss: 'binaryCrossEntropyWithLogits',
  KLDivLoss: 'klDiv',
  NLLLoss: 'nllLoss',
  PoissonNLLLoss: 'poissonNllLoss',
  GaussianNLLLoss: 'gaussianNllLoss',
  L1Loss: 'l1Loss',
  MSELoss: 'mseLoss',
  CTCLoss: 'ctcLoss',
  CrossEntropyLoss: 'crossEntropy',
  MultiLabelMarginLoss: 'multilabelMarginLoss',
  MultiLabelSoftMarginLoss: 'multilabelSoftMarginLoss',
};
const functionOf = (name: string) => FUNCTIONS[name] ?? name[0]?.toLowerCase() + name.slice(1);
const losses = cases.filter(({ module }) => module !== 'AdaptiveLogSoftmaxWithLoss');

describe('losses', () => {
  it.each(titles(cases))('%s matches PyTorch in its values and gradients', (_, item) =>
    replay(item, TOLERANCE),
  );

  it.each(titles(losses))('the function of %s gives the same', (_, item) => {
    const loss = (F as unknown as Record<string, (...args: unknown[]) => Tensor>)[functionOf(item.module)];
    const result = loss?.(...item.inputs.map(revive), camelOptions(item.options)) as Tensor;
    expectClose(result, item.outputs as TypedNumbers, TOLERANCE);
  });

  it('have a case for every class', () => {
    // LinearCrossEntropyLoss has those of module-db.test.ts.
    const named = Object.keys(nn).filter((name) => /(?<!LinearCrossEntropy)Loss$/.test(name));
    expect(named.filter((name) => !cases.some(({ module }) => module === name))).toEqual([]);
  });

  it.each([
    ['l1Loss', [0.5, 1]],
    ['mseLoss', [0.25, 1]],
  ] as const)('%s takes weights, over whose sum it averages', (name, [first, second]) => {
    const [x, target, weight] = [tensor([0.5, 1]), zeros([2]), tensor([3, 1])];
    expect(F[name](x, target, { weight }).item()).toBeCloseTo((3 * first + second) / 4, 6);
    expect(F[name](x, target, { weight, reduction: 'sum' }).item()).toBeCloseTo(3 * first + second, 6);
  });

  it('huberLoss takes weights, and averages over the elements', () => {
    const loss = F.huberLoss(tensor([0.5, 1]), zeros([2]), { weight: tensor([3, 1]) });
    expect(loss.item()).toBeCloseTo((3 * 0.125 + 0.5) / 2, 6);
  });

  it('take changed properties, and weights from their state dicts', () => {
    const ranking = new nn.MarginRankingLoss();
    ranking.margin = 2;
    expect(ranking.forward(ones([1]), ones([1]), ones([1])).item()).toBe(2);
    const weighted = new nn.BCEWithLogitsLoss({ posWeight: ones([1]) });
    weighted.loadStateDict({ pos_weight: tensor([3]) });
    expect(weighted.forward(zeros([1]), ones([1])).item()).toBeCloseTo(3 * Math.LN2, 6);
    expect(weighted.clone().toString()).toBe('BCEWithLogitsLoss()');
  });

  it('take their arguments in the order of PyTorch', () => {
    const [x, y] = [tensor([[0.5, 1, 3]]), tensor([2], { dtype: 'int64' })];
    const weight = tensor([1, 2, 3]);
    const same = (a: Tensor, b: Tensor) => expect(a.toArray()).toEqual(b.toArray());
    const named = F.crossEntropy(x, y, { weight, ignoreIndex: 7, reduction: 'sum', labelSmoothing: 0.1 });
    same(F.crossEntropy(x, y, weight, null, 7, null, 'sum', 0.1), named);
    same(F.crossEntropy(x, y, weight, { ignoreIndex: 7, reduction: 'sum', labelSmoothing: 0.1 }), named);
    same(new nn.CrossEntropyLoss(weight, null, 7, null, 'sum', 0.1).forward(x, y), named);
    const triplet = [x, x.add(1), x.mul(2)] as const;
    same(
      new nn.TripletMarginLoss(0.3, 1).forward(...triplet),
      F.tripletMarginLoss(...triplet, { margin: 0.3, p: 1 }),
    );
    same(new nn.HuberLoss('sum', 0.5).forward(x, x.mul(2)), F.huberLoss(x, x.mul(2), 'sum', 0.5));
    same(F.mseLoss(x, x.add(1), null, null, 'sum', weight.reshape([1, 3])), tensor(6));
    expect(new nn.MarginRankingLoss(0.5).margin).toBe(0.5);
    expect(new nn.CTCLoss(3, 'none').blank).toBe(3);
    expect(message(() => new nn.CrossEntropyLoss(255 as never))).toBe(
      'TypeError: Expected a Tensor or null for CrossEntropyLoss weight, got 255',
    );
    expect(message(() => new nn.TripletMarginLoss(0.3, { margin: 0.3 }))).toBe(
      'TypeError: Expected margin once for TripletMarginLoss, got it in its place and among the options',
    );
  });

  it('read the switches that came before reduction, and warn once', () => {
    const warnings: string[] = [];
    const emitted = process.emitWarning;
    process.emitWarning = ((text: string) => warnings.push(text)) as typeof process.emitWarning;
    try {
      expect(new nn.MSELoss(false).reduction).toBe('sum');
      expect(new nn.MSELoss({ sizeAverage: true }).reduction).toBe('mean');
      expect(new nn.MSELoss(null, false).reduction).toBe('none');
      expect(F.l1Loss(ones([2]), zeros([2]), { reduce: false }).shape).toEqual([2]);
    } finally {
      process.emitWarning = emitted;
    }
    expect(warnings).toEqual([
      "MSELoss: sizeAverage and reduce are deprecated; pass { reduction: 'sum' }",
      "l1Loss: sizeAverage and reduce are deprecated; pass { reduction: 'none' }",
    ]);
  });

  it('linearCrossEntropy refuses shapes that do not fit, and ignoreIndex beside probabilities', () => {
    const [x, weight] = [ones([2, 3]), ones([4, 3])];
    expect([
      message(() => F.linearCrossEntropy(x, ones([4, 2]), ones([2]))),
      message(() => F.linearCrossEntropy(ones([3]), ones([4, 2, 3]), ones([2]))),
      message(() => F.linearCrossEntropy(x, weight, ones([2]), { linearBias: ones([3]) })),
      message(() => F.linearCrossEntropy(x, weight, ones([2, 4]), { ignoreIndex: 1 })),
      message(() => new nn.LinearCrossEntropyLoss(3, 4, { weight: ones([3]) })),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected an input (N, inFeatures) and a weight (C, ..., inFeatures), or (inFeatures) and (C, inFeatures), for linearCrossEntropy, got [2,3] and [4,2]",
        "RangeError: Expected an input (N, inFeatures) and a weight (C, ..., inFeatures), or (inFeatures) and (C, inFeatures), for linearCrossEntropy, got [3] and [4,2,3]",
        "RangeError: Expected shape [4] for linearCrossEntropy argument "linearBias", got [3]",
        "RangeError: Expected no ignoreIndex for linearCrossEntropy with probabilities as target, got 1",
        "RangeError: Expected shape [4] for LinearCrossEntropyLoss weight, got [3]",
      ]
    `);
  });

  it('TripletMarginWithDistanceLoss takes functions and modules', () => {
    const triplet = [zeros([1, 2]), ones([1, 2]), tensor([[3, 4]])] as const;
    const largest = (a: Tensor, b: Tensor) => a.sub(b).abs().amax([1]);
    const loss = new nn.TripletMarginWithDistanceLoss({ distanceFunction: largest, margin: 5 });
    expect(loss.forward(...triplet).item()).toBe(5 + 1 - 4);
    const ofModule = new nn.TripletMarginWithDistanceLoss({
      distanceFunction: new nn.PairwiseDistance({ p: 1 }),
    });
    expect(ofModule.forward(triplet[0], triplet[2], triplet[1]).item()).toBeCloseTo(1 + 7 - 2, 5);
  });

  it('AdaptiveLogSoftmaxWithLoss gives all log-probabilities and the likeliest classes', () => {
    const [want] =
      fixture<{ x: TypedNumbers; logProb: TypedNumbers; predict: TypedNumbers }[]>('nn/adaptive.json');
    const { x, logProb, predict } = want as { x: TypedNumbers; logProb: TypedNumbers; predict: TypedNumbers };
    manualSeed(5);
    const softmax = new nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7]);
    expectClose(softmax.logProb(toTensor(x)), logProb, TOLERANCE);
    expect(elements(softmax.predict(toTensor(x)))).toEqual(predict.data);
  });

  it('say what is wrong with their arguments', () => {
    const [x, y] = [ones([2, 3]), ones([2, 4])];
    expect([
      message(() => F.binaryCrossEntropy(x, y)),
      message(() => F.binaryCrossEntropyWithLogits(x, y)),
      message(() => F.l1Loss(x, x, { weight: y })),
      message(() => F.mseLoss(x, x, { reduction: 'avg' as never })),
      message(() => F.gaussianNllLoss(x, x, ones([3]))),
      message(() => F.gaussianNllLoss(x, x, -1)),
      message(() => F.marginRankingLoss(x, x, ones([2]))),
      message(() => F.tripletMarginLoss(x, x, x, { margin: 0 })),
      message(() => F.multiMarginLoss(x, x, { p: 3 })),
      message(() => new nn.TripletMarginLoss({ margin: -1 })),
      message(() => new nn.MultiMarginLoss({ weight: x })),
      message(() => new nn.HuberLoss({ beta: 1 } as never)),
      message(() => new nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 3])),
      message(() =>
        new nn.AdaptiveLogSoftmaxWithLoss(3, 12, [3]).forward(x, tensor([1, 12], { dtype: 'int64' })),
      ),
      message(() =>
        new nn.AdaptiveLogSoftmaxWithLoss(3, 12, [3]).forward(x, tensor([1], { dtype: 'int64' })),
      ),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected the input's shape [2,3] for binaryCrossEntropy argument "target", got [2,4]",
        "RangeError: Expected the input's shape [2,3] for binaryCrossEntropyWithLogits argument "target", got [2,4]",
        "RangeError: Expected the input's shape [2,3] for l1Loss argument "weight", got [2,4]",
        "RangeError: Expected reduction "none", "mean" or "sum" for mseLoss, got "avg"",
        "RangeError: Expected shape [2,3], [2], or one dimension of size 1, for gaussianNllLoss argument "variance", got [3]",
        "RangeError: Expected no negative entries for gaussianNllLoss argument "variance"",
        "RangeError: Expected as many dimensions for marginRankingLoss arguments "x1", "x2" and "target", got shapes [2,3], [2,3] and [2]",
        "RangeError: Expected a margin above 0 for tripletMarginLoss, got 0",
        "RangeError: Expected 1 or 2 for multiMarginLoss p, got 3",
        "RangeError: Expected a margin above 0 for TripletMarginLoss, got -1",
        "RangeError: Expected one dimension for MultiMarginLoss weight, got shape [2,3]",
        "RangeError: Expected a known option for HuberLoss, got "beta"; did you mean delta?",
        "RangeError: Expected ascending whole numbers from 1 to 11 for AdaptiveLogSoftmaxWithLoss cutoffs, got [3,3]",
        "RangeError: Expected targets from 0 to 11 for AdaptiveLogSoftmaxWithLoss, got 1 to 12",
        "RangeError: Expected an input (N, inFeatures) and targets (N), or (inFeatures) and (), for AdaptiveLogSoftmaxWithLoss, got [2,3] and [1]",
      ]
    `);
  });

  it('warn of targets that are broadcast', () => {
    const warnings: string[] = [];
    const emitted = process.emitWarning;
    process.emitWarning = ((text: string) => warnings.push(text)) as typeof process.emitWarning;
    try {
      expect(F.mseLoss(ones([3, 1]), zeros([3])).item()).toBe(1);
    } finally {
      process.emitWarning = emitted;
    }
    expect(warnings).toMatchInlineSnapshot(`
      [
        "mseLoss: the target's shape [3] is not the input's [3,1]; both are broadcast, which is probably not what was meant. Give both one shape",
      ]
    `);
  });
});
