import { describe, expect, it } from 'vitest';
import { manualSeed, nn, noGrad, ones, optim, randn, type Tensor } from '../../lib/index.ts';
import { message } from '../nn/messages.ts';
import { elements, fixture, type Numbers } from '../nn/numbers.ts';

const { AveragedModel, getEmaAvgFn, getEmaMultiAvgFn, getSwaMultiAvgFn, updateBn } = optim.swaUtils;

type State = Record<string, Numbers>;
const expected = fixture<Record<string, { averaged: State; updated: State }>>('optim/swa.json');

const variants: Record<string, optim.swaUtils.AveragedModelOptions> = {
  mean: {},
  'mean of many': { multiAvgFn: getSwaMultiAvgFn() },
  'mean with buffers': { useBuffers: true },
  ema: { avgFn: getEmaAvgFn(0.9) },
  'ema of many': { multiAvgFn: getEmaMultiAvgFn(0.9) },
  'ema with buffers': { multiAvgFn: getEmaMultiAvgFn(0.9), useBuffers: true },
};

function network(): { model: nn.Sequential; batches: Tensor[] } {
  manualSeed(3);
  const model = new nn.Sequential(new nn.Linear(4, 3), new nn.BatchNorm1d(3), new nn.Linear(3, 2));
  return { model, batches: [1, 2, 3].map(() => randn([6, 4])) };
}

function averagedAfterFive(options: optim.swaUtils.AveragedModelOptions) {
  const { model, batches } = network();
  const averaged = new AveragedModel(model, options);
  for (let round = 1; round < 6; round++) {
    model.forward(batches[round % 3] as Tensor);
    noGrad(() => {
      for (const param of model.parameters()) param.add_(param.sin(), { alpha: 0.1 * round });
    });
    averaged.updateParameters(model);
  }
  return { averaged, batches };
}

function expectState(model: nn.Module, want: State): void {
  const state = model.stateDict();
  expect([...state.keys()]).toEqual(Object.keys(want));
  for (const [key, { data }] of Object.entries(want)) {
    const far = elements(state.get(key) as Tensor).filter(
      (value, i) => !(Math.abs(value - (data[i] as number)) <= 1e-6),
    );
    expect({ key, far }).toEqual({ key, far: [] });
  }
}

describe('averaged models', () => {
  it.each(Object.keys(variants))(
    "%s: has PyTorch's averages, and its statistics after updateBn",
    async (name) => {
      const { averaged, batches } = averagedAfterFive(variants[name] as object);
      const want = expected[name] as { averaged: State; updated: State };
      expectState(averaged, want.averaged);
      averaged.eval();
      const norm = averaged.module.modules().find((module) => module instanceof nn.BatchNorm1d);
      await updateBn(
        batches.map((batch) => [batch, 'label'] as const),
        averaged,
      );
      expectState(averaged, want.updated);
      expect([averaged.training, norm?.momentum]).toEqual([false, 0.1]);
    },
  );

  it('is a copy that computes as the model did when it was averaged', () => {
    const { model, batches } = network();
    const x = batches[0] as Tensor;
    const averaged = new AveragedModel(model.eval());
    averaged.updateParameters(model);
    const before = elements(averaged.forward(x));
    noGrad(() => model.parameters()[0]?.zero_());
    expect(elements(averaged.forward(x))).toEqual(before);
    expect(elements(model.forward(x))).not.toEqual(before);
  });

  it('refuses what it cannot average', () => {
    const { model } = network();
    const make = (given: unknown, options: object = {}) =>
      message(() => new AveragedModel(given as never, options));
    expect(make(3)).toMatchInlineSnapshot(`"TypeError: Expected a Module for AveragedModel, got 3"`);
    expect(make(model, { avgFn: getEmaAvgFn(), multiAvgFn: getEmaMultiAvgFn() })).toMatchInlineSnapshot(
      `"RangeError: Expected avgFn or multiAvgFn for AveragedModel, got both"`,
    );
    expect(make(model, { decay: 0.9 })).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for AveragedModel, got "decay"; known options: device, avgFn, multiAvgFn, useBuffers"`,
    );
    expect(message(() => getEmaAvgFn(1.5))).toMatchInlineSnapshot(
      `"RangeError: Expected a number from 0 to 1 for getEmaAvgFn decay, got 1.5"`,
    );
    expect(
      message(() => new AveragedModel(model).updateParameters(new nn.Linear(4, 3))),
    ).toMatchInlineSnapshot(`"RangeError: Expected a model of 6 parameters for AveragedModel, got 2"`);
  });
});

describe('updateBn', () => {
  it('puts momenta and mode back when a batch cannot be used', async () => {
    const { model } = network();
    model.eval();
    await expect(updateBn(['text' as never], model)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TypeError: Expected a Tensor, or a list that begins with one, for updateBn, got "text"]`,
    );
    const norm = model.modules().find((module) => module instanceof nn.BatchNorm1d);
    expect([model.training, norm?.momentum]).toEqual([false, 0.1]);
  });

  it('takes batches as they come, and does nothing without batch norms', async () => {
    async function* batches(): AsyncGenerator<Tensor> {
      yield ones([3, 4]);
      yield ones([3, 4]).mul(3);
    }
    const model = new nn.Sequential(new nn.BatchNorm1d(4));
    await updateBn(batches(), model);
    const norm = model.modules()[1] as nn.BatchNorm1d;
    expect(norm.running_mean?.toArray()).toEqual([2, 2, 2, 2]);
    await updateBn([], new nn.Linear(1, 1));
  });
});
