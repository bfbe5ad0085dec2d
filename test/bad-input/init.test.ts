import { describe } from 'vitest';
import { nn, randn } from '../../lib/index.ts';
import { refusesBadInput } from './area.ts';
import { exportsOf } from './exports.ts';
import type { GoodCall } from './judge.ts';

const weight = randn([4, 6]);
const filters = randn([4, 2, 3]);

/** What each function of nn.init takes. */
const calls: Record<string, unknown[]> = {
  uniform_: [weight, -1, 2],
  normal_: [weight, 0.5, 2],
  constant_: [weight, 3],
  ones_: [weight],
  zeros_: [weight],
  eye_: [weight],
  dirac_: [filters, 2],
  sparse_: [weight, 0.5, 0.1],
  calculateFanInAndFanOut: [weight],
  calculateGain: ['leaky_relu', 0.1],
  xavierUniform_: [weight, 2],
  xavierNormal_: [weight, 2],
  kaimingUniform_: [weight, { a: 0.1, mode: 'fan_out', nonlinearity: 'leaky_relu' }],
  kaimingNormal_: [weight, { a: 0.1, mode: 'fan_out', nonlinearity: 'leaky_relu' }],
  orthogonal_: [weight, 2],
  truncNormal_: [weight, { mean: 0.5, std: 2, a: -1, b: 1 }],
};

describe('functions of nn.init refuse bad input in words', () => {
  const goods = Object.entries(calls).map(([name, args]) => {
    return { name: `nn.init.${name}`, args, call: Reflect.get(nn.init, name) as GoodCall['call'] };
  });
  refusesBadInput('init', goods, exportsOf(nn.init as unknown as Record<string, unknown>, 'nn.init.'));
});
