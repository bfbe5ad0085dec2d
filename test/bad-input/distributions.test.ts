import { describe } from 'vitest';
import { distributions, manualSeed, tensor } from '../../lib/index.ts';
import { type Class, made, refusesBadInput } from './area.ts';
import { exportsOf } from './exports.ts';
import type { GoodCall } from './judge.ts';

const options = { validateArgs: true };
const weights = tensor([
  [0.2, 0.3, 0.5],
  [0.6, 0.3, 0.1],
]);
const row = tensor([0.25, 0.75]);

/** What each class is made of, and a value of it. */
const classes: Record<string, [given: unknown[], value: unknown]> = {
  Normal: [[tensor([0, 1]), tensor([1, 2]), options], tensor([0.5, 1.5])],
  Beta: [[tensor([0.5, 1]), tensor([1, 2]), options], row],
  Dirichlet: [[weights, options], tensor([0.2, 0.2, 0.6])],
  Bernoulli: [[row, options], tensor([0, 1])],
  Categorical: [[weights, options], tensor([0, 2], { dtype: 'int64' })],
};

const one = new distributions.Normal(0, 1);
const normal = new distributions.Normal(0, tensor([1, 2]));
const OTHERS: Record<string, string> = { 'distributions.Distribution': 'the base' };

/** The class, used as it is meant, and the methods that take something. */
function callsOf(name: string, [given, value]: [unknown[], unknown]): GoodCall[] {
  const OfClass = Reflect.get(distributions, name) as Class;
  type Made = InstanceType<typeof distributions.Normal>;
  const method = (key: 'sample' | 'logProb', args: unknown[]): GoodCall => ({
    name: `distributions.${name}.${key}`,
    args,
    other: given,
    call: (...inputs: unknown[]) => {
      const instance = Reflect.construct(OfClass, given as never[]) as Made;
      manualSeed(1);
      return Reflect.apply(instance[key], instance, inputs) as unknown;
    },
  });
  return [
    { name: `distributions.${name}`, args: given, call: made(OfClass, (it) => (it as Made).sample([2])) },
    method('sample', [[2, 3]]),
    method('logProb', [value]),
  ];
}

describe('distributions refuse bad input in words', () => {
  const goods: GoodCall[] = [
    ...Object.entries(classes).flatMap(([name, entry]) => callsOf(name, entry)),
    {
      name: 'distributions.Bernoulli, by logits',
      args: [{ logits: row }],
      call: made(distributions.Bernoulli, (it) => it.sample()),
    },
    {
      name: 'distributions.Categorical, by probs',
      args: [{ probs: weights }],
      call: made(distributions.Categorical, (it) => it.sample()),
    },
    { name: 'distributions.klDivergence', args: [one, normal], call: distributions.klDivergence },
  ];
  const names = exportsOf(distributions as unknown as Record<string, unknown>, 'distributions.');
  refusesBadInput('distributions', goods, names, OTHERS);
});
