import { describe, expect, it } from 'vitest';
import * as optim from '../../lib/optim/index.ts';
import { zeros } from '../../lib/tensor/index.ts';
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

describe('item 4: learning-rate schedules', () => {
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
});
