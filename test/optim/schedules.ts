import { optim, zeros } from '../../lib/index.ts';
import { camelCase } from '../../lib/optim/base/state.ts';
import { fixture } from '../nn/numbers.ts';

/** A schedule as `scripts/optim/record_schedules.py` names it. */
export interface Spec {
  class: string;
  args: unknown[];
  options: Record<string, unknown>;
  optimizer: 'SGD' | 'Adam';
}

/** What Python has of it, at the beginning and after each of 60 steps. */
export interface Schedule extends Spec {
  rates: number[][];
  momenta: number[][];
  half: { scheduler: Record<string, unknown>; groups: Record<string, unknown>[] };
  last: number[];
  state: Record<string, unknown>;
}

export const schedules = fixture<Schedule[]>('optim/schedules.json');

const FUNCTIONS: Record<string, (epoch: number) => number> = {
  falling: (epoch) => 1 / (1 + epoch),
  stairs: (epoch) => 0.5 ** Math.floor(epoch / 10),
  shrink: () => 0.95,
};

/** What the tests need of a scheduler. */
export interface Stepped {
  step(metric?: number): void;
  getLastLr(): number[];
  stateDict(): Record<string, unknown>;
  loadStateDict(state: Record<string, unknown>): void;
}

export type Adaptive = optim.SGD | optim.Adam;

export function makeOptimizer(name: 'SGD' | 'Adam'): Adaptive {
  const groups = [
    { params: [zeros([1]).requiresGrad_()] },
    { params: [zeros([1]).requiresGrad_()], lr: 0.3 },
  ];
  return name === 'SGD'
    ? new optim.SGD(groups, { lr: 0.1, momentum: 0.9 })
    : new optim.Adam(groups, { lr: 0.1 });
}

function resolved(value: unknown, optimizer: Adaptive): unknown {
  if (Array.isArray(value)) return value.map((item) => resolved(item, optimizer));
  if (typeof value === 'object' && value !== null) return make(value as Spec, optimizer);
  return typeof value === 'string' ? (FUNCTIONS[value] ?? value) : value;
}

export function make(spec: Spec, optimizer: Adaptive): Stepped {
  const spaces: Record<string, unknown> = { ...optim.lrScheduler, ...optim.swaUtils };
  const args = spec.args.map((arg) => resolved(arg, optimizer));
  const options = Object.entries(spec.options).map(([key, value]) => [
    camelCase(key === 'T_mult' ? 't_mult' : key),
    resolved(value, optimizer),
  ]);
  const all = spec.class === 'ChainedScheduler' ? args : [optimizer, ...args, Object.fromEntries(options)];
  return Reflect.construct(spaces[spec.class] as never, all) as Stepped;
}

/** What ReduceLROnPlateau is given after a step. */
export const metric = (step: number): number => 2 + Math.sin(step / 4) / (1 + step / 10);

export function stepOnce({ class: name }: Spec, optimizer: Adaptive, scheduler: Stepped, step: number): void {
  optimizer.step();
  if (name === 'ReduceLROnPlateau') scheduler.step(metric(step));
  else scheduler.step();
}

export const ratesOf = ({ paramGroups }: Adaptive): number[] => paramGroups.map(({ lr }) => lr);

export const momentaOf = ({ paramGroups }: Adaptive): number[] =>
  paramGroups.map((group) => ('betas' in group ? (group.betas[0] as number) : group.momentum));
