import { describe, expect, it } from 'vitest';
import * as optim from '../../lib/optim/index.ts';
import { zeros } from '../../lib/tensor/index.ts';
import { message } from '../nn/messages.ts';
import { fixture } from '../nn/numbers.ts';

const { lrScheduler } = optim;

interface Schedule {
  rates: number[][];
  state: Record<string, unknown>;
}
const expected = fixture<{ schedules: Record<string, Schedule> }>('nn/optim.json').schedules;

const schedulers: Record<string, (o: optim.SGD) => InstanceType<typeof lrScheduler.LRScheduler>> = {
  StepLR: (o) => new lrScheduler.StepLR(o, 3, { gamma: 0.5 }),
  MultiStepLR: (o) => new lrScheduler.MultiStepLR(o, [2, 5, 5, 9]),
  CosineAnnealingLR: (o) => new lrScheduler.CosineAnnealingLR(o, 5, { etaMin: 0.01 }),
};

function optimizer(): optim.SGD {
  const param = () => zeros([1]).requiresGrad_();
  return new optim.SGD([{ params: [param()] }, { params: [param()], lr: 0.3 }], { lr: 0.1 });
}

function near(actual: readonly number[], want: readonly number[]): void {
  for (const [i, value] of want.entries()) expect(actual[i]).toBeCloseTo(value, 12);
}

describe('learning-rate schedules', () => {
  it.each(Object.keys(schedulers))('%s gives the rates of PyTorch', (name) => {
    const want = expected[name] as Schedule;
    const sgd = optimizer();
    const scheduler = schedulers[name]?.(sgd) as InstanceType<typeof lrScheduler.LRScheduler>;
    near(scheduler.getLastLr(), want.rates[0] as number[]);
    for (const rates of want.rates.slice(1)) {
      sgd.step();
      scheduler.step();
      near(
        sgd.paramGroups.map((group) => group.lr),
        rates,
      );
    }
    const state = scheduler.stateDict();
    expect(Object.keys(state).sort()).toEqual(Object.keys(want.state).sort());
    expect([state._step_count, state.last_epoch]).toEqual([want.state._step_count, want.state.last_epoch]);
  });

  it.each(Object.keys(schedulers))('%s goes on from its state', (name) => {
    const want = expected[name] as Schedule;
    const [first, second] = [optimizer(), optimizer()];
    const before = schedulers[name]?.(first) as InstanceType<typeof lrScheduler.LRScheduler>;
    for (let i = 0; i < 6; i++) {
      first.step();
      before.step();
    }
    const after = schedulers[name]?.(second) as InstanceType<typeof lrScheduler.LRScheduler>;
    after.loadStateDict(before.stateDict());
    second.loadStateDict(first.stateDict());
    for (const rates of want.rates.slice(7)) {
      second.step();
      after.step();
      near(after.getLastLr(), rates);
    }
  });

  it('refuse arguments that would make rates wrong or NaN, and leave the optimizer as it was', () => {
    const sgd = optimizer();
    const make = (name: 'StepLR' | 'MultiStepLR' | 'CosineAnnealingLR', ...args: unknown[]) =>
      message(() => Reflect.construct(lrScheduler[name], [sgd, ...args]));
    expect(make('CosineAnnealingLR')).toMatchInlineSnapshot(
      `"TypeError: Expected a number above 0 for CosineAnnealingLR tMax, got undefined"`,
    );
    expect(make('CosineAnnealingLR', 0)).toMatchInlineSnapshot(
      `"RangeError: Expected a number above 0 for CosineAnnealingLR tMax, got 0"`,
    );
    expect(make('CosineAnnealingLR', 5, { etaMin: Number.NaN })).toMatchInlineSnapshot(
      `"RangeError: Expected a finite number for CosineAnnealingLR etaMin, got NaN"`,
    );
    expect(make('CosineAnnealingLR', 5, { eta_min: 0 })).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for CosineAnnealingLR, got "eta_min"; did you mean etaMin?"`,
    );
    expect(make('StepLR', 0)).toMatchInlineSnapshot(
      `"RangeError: Expected a whole number of at least 1 for StepLR stepSize, got 0"`,
    );
    expect(make('StepLR', 2.5)).toMatchInlineSnapshot(
      `"RangeError: Expected a whole number of at least 1 for StepLR stepSize, got 2.5"`,
    );
    expect(make('StepLR', 30, 0.5)).toMatchInlineSnapshot(
      `"TypeError: Expected an options object for StepLR, got number"`,
    );
    expect(make('StepLR', 30, { gamma: '0.5' })).toMatchInlineSnapshot(
      `"TypeError: Expected a finite number for StepLR gamma, got "0.5""`,
    );
    expect(make('StepLR', 30, { lastEpoch: 0.5 })).toMatchInlineSnapshot(
      `"RangeError: Expected a whole number of at least -1 for StepLR lastEpoch, got 0.5"`,
    );
    expect(make('MultiStepLR', 30)).toMatchInlineSnapshot(
      `"TypeError: Expected a list of epochs for MultiStepLR milestones, got number"`,
    );
    expect(make('MultiStepLR', [30, '60'])).toMatchInlineSnapshot(
      `"TypeError: Expected whole numbers for MultiStepLR milestones, got "60""`,
    );
    expect(message(() => new lrScheduler.StepLR({ lr: 1 } as never, 3))).toMatchInlineSnapshot(
      `"TypeError: Expected an Optimizer for StepLR, got an object"`,
    );
    expect(sgd.paramGroups.map(({ lr, initialLr }) => [lr, initialLr])).toEqual([
      [0.1, undefined],
      [0.3, undefined],
    ]);
  });

  it.each(Object.keys(schedulers))("%s refuses another scheduler's state", (name) => {
    const make = (kind: string) =>
      schedulers[kind]?.(optimizer()) as InstanceType<typeof lrScheduler.LRScheduler>;
    for (const other of Object.keys(schedulers).filter((kind) => kind !== name)) {
      const scheduler = make(name);
      const before = scheduler.stateDict();
      const state = make(other).stateDict();
      expect(() => scheduler.loadStateDict(state)).toThrow(`Expected the state of a ${name} with`);
      expect(scheduler.stateDict()).toEqual(before);
    }
  });
});
