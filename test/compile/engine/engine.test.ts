import { beforeAll, describe, expect, it } from 'vitest';
import { CompiledModel } from '../../../lib/compile/compiled-model.ts';
import type { Plan } from '../../../lib/compile/cpu/plan.ts';
import { replaceTensors, tensorsOf } from '../../../lib/compile/plan-tensors.ts';
import { manualSeed, memoryStats, ones, randn, setNumThreads } from '../../../lib/tensor/index.ts';
import { compilePlan, expectPlan, rejection, smallNetwork } from '../plan-maker.ts';

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

describe('plans run on any number of threads', () => {
  const cases = [1, 2, 3, 4].flatMap((threads) => [1, 2, 4].map((microBatch) => [threads, microBatch]));

  it.each(cases)('%i threads, sub-batches of %i', async (threads, microBatch) => {
    await expectPlan(smallNetwork(), { threads, microBatch }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 17]);
  });

  it('an image gives the same numbers in any batch', async () => {
    const model = await compilePlan(smallNetwork, { threads: 3, microBatch: 2 });
    const x = randn([7, 3, 32, 32]);
    const all = await model.run(x);
    for (const i of [0, 3, 6]) {
      const row = x.narrow(0, i, 1);
      const alone = await model.run(row);
      const error = alone
        .sub(all.narrow(0, i, 1))
        .abs()
        .max();
      expect(error.item()).toBeLessThan(1e-5);
    }
    model.dispose();
  });

  it('a batch of none gives none', async () => {
    const model = await compilePlan(smallNetwork);
    const empty = await model.run(randn([0, 3, 32, 32]));
    expect(empty.shape).toEqual([0, 5]);
    model.dispose();
  });

  it('memory is given back with the model, and weights are packed once', async () => {
    const x = randn([4, 3, 32, 32]);
    const before = memoryStats().cpuBytes;
    const model = await compilePlan(smallNetwork, { threads: 2, microBatch: 2, keepWeights: false });
    (await model.run(x)).dispose();
    const { arenaBytes, weightBytes, threads, steps, images, queued } = model.stats();
    const plan = smallNetwork();
    expect(arenaBytes).toBeGreaterThanOrEqual(plan.arenaBytes * 2);
    expect(memoryStats().cpuBytes - before).toBeGreaterThanOrEqual(arenaBytes);
    expect(weightBytes).toBeGreaterThan(1000);
    expect({ threads, images, queued }).toEqual({ threads: 2, images: 4, queued: 0 });
    expect(steps.map(({ op }) => op)).toEqual(plan.steps.map(({ op }) => op));
    expect(steps.find(({ op }) => op === 'conv')?.algorithm).not.toBe('');
    expect(steps.every(({ milliseconds }) => milliseconds > 0)).toBe(true);
    for (const tensor of tensorsOf(plan)) tensor.dispose();
    model.dispose();
    for (let i = 0; i < 100 && memoryStats().cpuBytes > before; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(memoryStats().cpuBytes).toBeLessThanOrEqual(before);
  });
});

describe('malformed plans are refused', () => {
  async function refusal(change: (plan: Plan) => unknown): Promise<string> {
    const plan = smallNetwork();
    const tensors = tensorsOf(plan);
    const copy = replaceTensors(plan, (tensor) => tensor) as Plan;
    change(copy);
    try {
      const { name, code, message } = await rejection(CompiledModel.fromPlan(copy));
      return `${name} ${code}: ${message}`;
    } finally {
      for (const tensor of tensors) tensor.dispose();
    }
  }
  // biome-ignore lint/suspicious/noExplicitAny: plans that the types do not allow
  const step = (plan: Plan, op: string) => plan.steps.find((candidate) => candidate.op === op) as any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const loose = (plan: Plan) => plan as any;

  const cases: [string, (plan: Plan) => unknown][] = [
    ['a step without a kernel', (plan) => loose(plan).steps.push({ op: 'explode', name: 'x' })],
    ['a value that is none', (plan) => (step(plan, 'conv').output = 99)],
    ['a fraction of a value', (plan) => (step(plan, 'conv').output = 0.5)],
    ['a value of the wrong kind', (plan) => (step(plan, 'globalMean').output = 0)],
    ['a value of the wrong size', (plan) => (step(plan, 'conv').output = step(plan, 'maxPool').output)],
    ['a range beyond its buffer', (plan) => (loose(plan).values[0].channels = 1000)],
    ['a buffer beyond the arena', (plan) => (loose(plan).buffers[0].offset = plan.arenaBytes)],
    ['a buffer at a crooked place', (plan) => (loose(plan).buffers[1].offset += 4)],
    ['an arena larger than memory', (plan) => (loose(plan).arenaBytes = 2 ** 60)],
    ['a weight of the wrong size', (plan) => (step(plan, 'conv').weight = ones([8, 4, 3, 3]))],
    [
      'a weight of the wrong dtype',
      (plan) => (step(plan, 'conv').weight = ones([8, 3, 3, 3], { dtype: 'float64' })),
    ],
    ['a weight that is no tensor', (plan) => (step(plan, 'conv').weight = [1, 2, 3])],
    ['a window larger than the map', (plan) => (step(plan, 'conv').weight = ones([8, 3, 77, 77]))],
    ['a stride of nothing', (plan) => (step(plan, 'conv').stride = [0, 1])],
    ['groups that do not divide', (plan) => (step(plan, 'conv').groups = 2)],
    [
      'a pool that writes over its input',
      (plan) => (step(plan, 'maxPool').output = step(plan, 'maxPool').input),
    ],
    ['padding without a map below', (plan) => (step(plan, 'maxPool').padding = [3, 3])],
    ['a part outside the norm', (plan) => (step(plan, 'instanceAffine').parts[0].count = 900)],
    ['statistics after relu', (plan) => (step(plan, 'conv').relu = true)],
    ['an output that is none', (plan) => (loose(plan).outputs[0].value = -1)],
    ['no outputs', (plan) => (plan.outputs = [])],
    ['no inputs', (plan) => (plan.inputs = [])],
    ['an input that is none', (plan) => (step(plan, 'conv').input = { input: 1 })],
    ['another dtype', (plan) => (loose(plan).dtype = 'float64')],
    ['something in place of a list', (plan) => (loose(plan).steps = 3)],
    ['an op of libtorch that does not exist', (plan) => loose(plan).steps.push(aten('aten::explode'))],
    ['an op that writes to its arguments', (plan) => loose(plan).steps.push(aten('aten::relu_'))],
    ['an op without values', (plan) => loose(plan).steps.push(aten('aten::relu', []))],
    ['an activation that is none', (plan) => (step(plan, 'linear').activation = 'gelu')],
  ];
  const aten = (operator: string, args: unknown[] = [{ value: 0 }]) => ({
    op: 'aten',
    name: 'extra',
    operator,
    overload: '',
    args,
    output: 0,
  });

  it.each(cases)('%s', async (_, change) => {
    expect(await refusal(change)).toMatchSnapshot();
  });
});
