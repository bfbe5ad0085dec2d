import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { save } from '../../lib/index.ts';
import { noPythonTorch, runPython } from '../checkpoint/python-torch.ts';
import { root, tmp } from '../helpers/index.ts';
import { make, makeOptimizer, momentaOf, ratesOf, type Schedule, schedules, stepOnce } from './schedules.ts';

const titled = schedules.map((schedule, i) => {
  const options = JSON.stringify({ ...schedule.options }).slice(0, 60);
  return [`${i}: ${schedule.class} ${options}`, schedule] as const;
});

/** The cosine and powers of V8 are not those of C: each may differ in its last bit, and rates follow from rates. */
const BOUND = 1e-13;
const EXACT = /^(LambdaLR|MultiplicativeLR|StepLR|ConstantLR|LinearLR|ExponentialLR|ReduceLROnPlateau)$/;

function expectNear(actual: readonly number[], want: readonly number[], { class: name }: Schedule): void {
  if (EXACT.test(name)) expect(actual).toEqual(want);
  else {
    const far = want.filter(
      (value, i) => !(Math.abs((actual[i] as number) - value) <= BOUND * Math.max(Math.abs(value), 1e-3)),
    );
    expect(far).toEqual([]);
  }
}

/** A state with numbers rounded, and Maps and infinities as the fixture has them. */
function shown(value: unknown): unknown {
  if (value instanceof Map) return shown(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item)]));
  }
  if (value === 'inf' || value === '-inf') return Number(value.replace('inf', 'Infinity'));
  return typeof value === 'number' && Number.isFinite(value) ? Number(value.toPrecision(10)) : value;
}

describe('learning-rate schedules', () => {
  it.each(titled)('%s has the rates, momenta and state of PyTorch', (_, schedule) => {
    const optimizer = makeOptimizer(schedule.optimizer);
    const scheduler = make(schedule, optimizer);
    for (const [step, rates] of schedule.rates.entries()) {
      expectNear(ratesOf(optimizer), rates, schedule);
      expectNear(momentaOf(optimizer), schedule.momenta[step] as number[], schedule);
      if (step < 60) stepOnce(schedule, optimizer, scheduler, step);
    }
    expectNear(scheduler.getLastLr(), schedule.last, schedule);
    expect(shown(scheduler.stateDict())).toEqual(shown(schedule.state));
  });

  it.each(titled)('%s goes on from a state of PyTorch', (_, schedule) => {
    const optimizer = makeOptimizer(schedule.optimizer);
    const scheduler = make(schedule, optimizer);
    scheduler.loadStateDict(revived(schedule.half.scheduler) as Record<string, unknown>);
    optimizer.loadStateDict({ state: {}, param_groups: schedule.half.groups });
    for (let step = 25; step < 60; step++) {
      stepOnce(schedule, optimizer, scheduler, step);
      expectNear(ratesOf(optimizer), schedule.rates[step + 1] as number[], schedule);
      expectNear(momentaOf(optimizer), schedule.momenta[step + 1] as number[], schedule);
    }
    expect(shown(scheduler.stateDict())).toEqual(shown(schedule.state));
  });

  it.skipIf(noPythonTorch)('go on in Python from their states', () => {
    const halves = schedules.map((schedule) => {
      const optimizer = makeOptimizer(schedule.optimizer);
      const scheduler = make(schedule, optimizer);
      for (let step = 0; step < 25; step++) stepOnce(schedule, optimizer, scheduler, step);
      return { scheduler: scheduler.stateDict(), optimizer: optimizer.stateDict() };
    });
    const path = join(tmp(), 'schedules.pth');
    save(halves, path);
    const there: number[][][] = JSON.parse(runPython(CONTINUE, path, join(root, 'scripts/optim')));
    for (const [i, rates] of there.entries()) {
      const schedule = schedules[i] as Schedule;
      for (const [step, want] of rates.entries())
        expectNear(want, schedule.rates[26 + step] as number[], schedule);
    }
    expect(there).toHaveLength(schedules.length);
  });
});

const revived = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, item) => (item === 'inf' || item === '-inf' ? shown(item) : item));

const CONTINUE = `
import json, sys, torch
sys.path.insert(0, sys.argv[2])
import record_schedules as recorder
def go_on(one, half):
    optimizer = recorder.make_optimizer(one['optimizer'])
    scheduler = recorder.make(one, optimizer)
    scheduler.load_state_dict(half['scheduler'])
    optimizer.load_state_dict(half['optimizer'])
    rates = []
    for step in range(recorder.HALF, recorder.STEPS):
        optimizer.step()
        scheduler.step(*([recorder.metric(step)] if one['class'] == 'ReduceLROnPlateau' else []))
        rates.append([group['lr'] for group in optimizer.param_groups])
    return rates
halves = torch.load(sys.argv[1], weights_only=True)
print(json.dumps([go_on(one, half) for one, half in zip(recorder.SPECS, halves)]))
`;
