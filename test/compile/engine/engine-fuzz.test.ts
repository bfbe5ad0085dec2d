import { beforeAll, describe, expect, it } from 'vitest';
import { CompiledModel } from '../../../lib/compile/compiled-model.ts';
import type { Plan } from '../../../lib/compile/cpu/plan.ts';
import { replaceTensors, tensorsOf } from '../../../lib/compile/plan-tensors.ts';
import { isTensor, manualSeed, randn, setNumThreads } from '../../../lib/tensor/index.ts';
import { smallNetwork } from '../plan-maker.ts';

const ROUNDS = Number(process.env.IBN_NET_FUZZ_ROUNDS ?? 300);

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

/** The same numbers in each run (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

interface Place {
  owner: Record<string, unknown>;
  key: string;
}

function places(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null || isTensor(value)) return found;
  for (const key of Object.keys(value)) {
    found.push({ owner: value as Record<string, unknown>, key });
    places((value as Record<string, unknown>)[key], found);
  }
  return found;
}

function mutate(plan: Plan, random: (below: number) => number): void {
  const all = places(plan);
  const { owner, key } = all[random(all.length)] as Place;
  const old = owner[key];
  const near = typeof old === 'number' ? [old + 1, old - 1, old * 2, Math.floor(old / 2), old + 64] : [];
  const other = all[random(all.length)] as Place;
  const choices = [
    ...near,
    ...near,
    0,
    1,
    -1,
    2,
    0.5,
    7,
    2 ** 31,
    2 ** 53,
    Number.NaN,
    null,
    undefined,
    'x',
    true,
    [],
    {},
  ];
  choices.push(replaceTensors(other.owner[other.key], (tensor) => tensor) as never);
  owner[key] = choices[random(choices.length)];
}

describe('plans with anything changed', () => {
  it('are refused, or run without harm', async () => {
    const x = randn([3, 3, 32, 32]);
    let refused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const random = generator(round);
      const plan = smallNetwork();
      const tensors = tensorsOf(plan);
      const changed = structuredCopy(plan);
      for (let i = 0; i <= random(3); i++) mutate(changed, random);
      try {
        const model = await CompiledModel.fromPlan(changed, {
          threads: 2,
          microBatch: 1,
          keepWeights: false,
        });
        const outputs = await model.run(x).catch((error: Error) => {
          expect(['RangeError', 'TypeError', 'TorchError'], error.message).toContain(error.name);
          return [];
        });
        for (const tensor of Object.values(isTensor(outputs) ? [outputs] : outputs)) tensor.dispose();
        model.dispose();
      } catch (error) {
        refused++;
        expect(['RangeError', 'TypeError', 'TorchError'], String(error)).toContain((error as Error).name);
      }
      for (const tensor of tensors) tensor.dispose();
    }
    expect(refused).toBeGreaterThan(ROUNDS / 3);
    expect(refused).toBeLessThan(ROUNDS);
    x.dispose();
  });
});

const structuredCopy = (plan: Plan): Plan => replaceTensors(plan, (tensor) => tensor) as Plan;
