import { beforeAll, describe, expect, it } from 'vitest';
import { CompiledModel } from '../../../lib/compile/compiled-model.ts';
import type { Plan, ValueId } from '../../../lib/compile/cpu/plan.ts';
import type { Combine, ElementFunction } from '../../../lib/compile/graph/graph.ts';
import type { PlanDType } from '../../../lib/compile/plan-options.ts';
import { manualSeed, scope, setNumThreads, type Tensor, tensor } from '../../../lib/tensor/index.ts';
import { FUNCTIONS } from '../../helpers/plan-interpreter.ts';
import { compilePlan, expectPlan, floatSets, PlanMaker, rejection } from '../plan-maker.ts';

const sets = floatSets();
const dtypes: PlanDType[] = ['float32', 'bfloat16'];
const kinds = sets.flatMap((instructionSet) => dtypes.map((dtype) => [instructionSet, dtype] as const));

beforeAll(() => {
  setNumThreads(1);
  manualSeed(0);
});

/** Numbers of each function that takes some. */
const ARGS: Record<string, number[][]> = {
  leaky_relu: [[0.01], [-0.5]],
  elu: [
    [1, 1, 1],
    [1.5, 1.1, 0.7],
  ],
  clamp: [
    [-0.5, 0.8],
    [1, -1],
  ],
  clamp_min: [[0.1]],
  clamp_max: [[-0.2]],
  softplus: [
    [1, 20],
    [3, 1],
  ],
  affine: [[-0.5, 2]],
  pow: [[0], [1], [2], [3], [-1], [7], [-2]],
};
const cases: ElementFunction[] = Object.keys(FUNCTIONS).flatMap((name) =>
  (ARGS[name] ?? [[]]).map((args) => ({ name, args })),
);
/** What needs numbers above 0. */
const POSITIVE = new Set(['log', 'sqrt', 'rsqrt', 'reciprocal', 'pow']);
/** Away from 0, where 1 / x has no largest magnitude to compare with. */
const away: ElementFunction[] = [
  { name: 'abs', args: [] },
  { name: 'affine', args: [1, 0.25] },
];

const functionNamed = (name: string) => FUNCTIONS[name] as (x: Tensor, args: readonly number[]) => Tensor;

describe.each(kinds)('pointwise steps of %s in %s agree with eager', (instructionSet, dtype) => {
  const options = { instructionSet };

  it.each(cases.map((fn) => [`${fn.name}(${fn.args})`, fn] as const))('%s', async (_, fn) => {
    for (const channels of [1, 5, 37]) {
      const maker = new PlanMaker(dtype, [channels, 5, 7]);
      const output = maker.map(channels, 5, 7);
      const functions = [...(POSITIVE.has(fn.name) ? away : []), fn];
      maker.step({ op: 'pointwise', input: maker.read(), output, functions });
      await expectPlan(maker.outputs(output), options);
    }
  });

  it.each([0.37, 2.7, -1.3, 9, -9])('powers of %f, of numbers above 0', async (exponent) => {
    const maker = new PlanMaker(dtype, [6, 5, 7]);
    const output = maker.map(6, 5, 7);
    const functions = [...away, { name: 'affine', args: [0.3, 0.6] }, { name: 'pow', args: [exponent] }];
    maker.step({ op: 'pointwise', input: maker.read(), output, functions });
    await expectPlan(maker.outputs(output), options);
  });

  it.each([1, 3, 16, 33, 1030])(
    'several functions in a row on %i channels, ranges and vectors',
    async (channels) => {
      const size = [channels, 3, 5] as [number, number, number];
      const maker = new PlanMaker(dtype, size, [channels, 2, 2]);
      const x = maker.read(0);
      const wide = maker.range(maker.map(channels + 9, 3, 5), 4, channels);
      const [vector, spread, over] = [maker.vector(channels), maker.map(...size), maker.vector(channels)];
      const pre = { scale: { constant: maker.weight(channels) }, shift: null, relu: true };
      const functions = [
        { name: 'silu', args: [] },
        { name: 'affine', args: [2, -0.5] },
        { name: 'gelu', args: [] },
      ];
      maker.step({ op: 'pointwise', input: x, output: wide, pre, functions });
      maker.step({ op: 'globalMean', input: maker.read(1), output: vector });
      maker.step({ op: 'pointwise', input: vector, output: over, functions });
      maker.step({ op: 'pointwise', input: over, output: over, functions: [{ name: 'tanh', args: [] }] });
      maker.step({ op: 'pointwise', input: over, output: spread });
      maker.step({ op: 'pointwise', input: x, output: x, functions: [{ name: 'hardswish', args: [] }] });
      await expectPlan(maker.outputs(wide, over, spread, x), options, [1, 4]);
    },
  );

  const combines: Combine[] = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum'];
  it.each(combines)('%s of maps, vectors and constants of all sizes', async (combine) => {
    const [channels, height, width] = [19, 4, 6];
    const sizes = [channels, 1].flatMap((c) =>
      [height, 1].flatMap((h) => [width, 1].map((w) => [c, h, w] as const)),
    );
    const maker = new PlanMaker(dtype, ...sizes.map(([c, h, w]): [number, number, number] => [c, h, w]));
    // Divisors are away from 0.
    const values = sizes.map((_, i) => {
      const value = maker.read(i);
      maker.step({ op: 'pointwise', input: value, output: value, functions: away });
      return value;
    });
    const outputs: ValueId[] = [];
    const add = (input: ValueId, other: { value: ValueId } | { constant: Tensor }) => {
      const output = maker.range(maker.map(channels + 2, height, width), 1, channels);
      maker.step({ op: 'pointwise', input, output, combine, other });
      outputs.push(output);
    };
    const whole = values[0] as ValueId;
    const vector = maker.vector(channels);
    maker.step({ op: 'globalMean', input: whole, output: vector });
    for (const [i, value] of values.entries()) {
      const constant = maker
        .weight(...(sizes[i] as readonly number[]))
        .abs()
        .add(0.25);
      add(whole, { value });
      add(value, { value: whole });
      add(whole, { constant });
    }
    add(whole, { value: vector });
    add(vector, { value: vector });
    add(values[6] as ValueId, { value: values[1] as ValueId });
    await expectPlan(maker.outputs(...outputs), options, [2]);
  });

  it('in place of either operand', async () => {
    const maker = new PlanMaker(dtype, [9, 4, 4], [9, 4, 4]);
    const [a, b, c] = [maker.read(0), maker.read(1), maker.map(9, 4, 4)];
    maker.step({ op: 'copy', input: b, output: c });
    maker.step({ op: 'pointwise', input: a, output: b, combine: 'sub', other: { value: b } });
    maker.step({ op: 'pointwise', input: c, output: c, combine: 'mul', other: { value: c } });
    await expectPlan(maker.outputs(b, c), options);
  });

  it('large maps on several threads', async () => {
    const maker = new PlanMaker(dtype, [31, 67, 45]);
    const [x, y] = [maker.read(), maker.map(31, 67, 45)];
    maker.step({ op: 'pointwise', input: x, output: y, functions: [{ name: 'tanh', args: [] }] });
    for (const threads of [1, 3])
      await expectPlan(maker.outputs(y), { ...options, threads, keepWeights: false }, [1]);
  });
});

describe('pointwise steps', () => {
  it('keep NaN and infinities where eager has them', async () => {
    const x = tensor([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -1]);
    const names = [
      'relu',
      'tanh',
      'sigmoid',
      'exp',
      'log',
      'sqrt',
      'abs',
      'gelu',
      'clamp',
      'leaky_relu',
      'erf',
    ];
    for (const instructionSet of sets) {
      for (const name of names) {
        const args = ARGS[name]?.[0] ?? [];
        const model = await compilePlan(
          () => {
            const maker = new PlanMaker('float32', [1, 1, 5]);
            const y = maker.map(1, 1, 5);
            maker.step({ op: 'pointwise', input: maker.read(), output: y, functions: [{ name, args }] });
            return maker.outputs(y);
          },
          { instructionSet },
        );
        const got = await model.run(x.reshape([1, 1, 1, 5]));
        // oneDNN's gelu of infinity is NaN on some processors; float64 does not go through it.
        const eager = name === 'gelu' ? x.double() : x;
        const want = scope(() => [...functionNamed(name)(eager, args).data()].map(Number));
        // eager's exp ends a little later: 0 there is a number too small to see.
        for (const [i, value] of [...got.data()].map(Number).entries())
          if (!Object.is(value, want[i]))
            expect(value, `${name} of ${x.toArray()}[${i}]`).toBeCloseTo(want[i] as number, 5);
        model.dispose();
      }
    }
  });

  it('are refused with any field wrong', async () => {
    const plan = (): Plan => {
      const maker = new PlanMaker('float32', [3, 4, 5], [3, 1, 1]);
      const [x, y, vector] = [maker.read(), maker.read(1), maker.vector(3)];
      maker.step({ op: 'globalMean', input: y, output: vector });
      maker.step({
        op: 'pointwise',
        input: x,
        output: maker.map(3, 4, 5),
        combine: 'mul',
        other: { value: y },
        functions: [{ name: 'clamp', args: [0, 6] }],
      });
      return maker.outputs(x);
    };
    const refusals: Record<string, string> = {};
    const changes: Record<string, (step: Record<string, unknown>) => void> = {
      combine: (step) => Object.assign(step, { combine: 'mod' }),
      'no combine': (step) => Object.assign(step, { combine: null }),
      'no other': (step) => Object.assign(step, { other: null }),
      'other of no kind': (step) => Object.assign(step, { other: {} }),
      'other of other sizes': (step) => Object.assign(step, { other: { constant: tensor([[[1], [2]]]) } }),
      'a map for a vector': (step) => Object.assign(step, { output: 2 }),
      'pre of a vector': (step) =>
        Object.assign(step, { input: 2, pre: { scale: null, shift: null, relu: true } }),
      functions: (step) => Object.assign(step, { functions: {} }),
      'an unknown function': (step) => Object.assign(step, { functions: [{ name: 'sin', args: [] }] }),
      'too few numbers': (step) => Object.assign(step, { functions: [{ name: 'clamp', args: [0] }] }),
      'a number that is none': (step) =>
        Object.assign(step, { functions: [{ name: 'pow', args: [Number.NaN] }] }),
      'too many functions': (step) =>
        Object.assign(step, { functions: Array(65).fill({ name: 'relu', args: [] }) }),
    };
    for (const [name, change] of Object.entries(changes)) {
      const changed = plan();
      change(changed.steps.at(-1) as unknown as Record<string, unknown>);
      const { message, code } = await rejection(CompiledModel.fromPlan(changed));
      refusals[name] = `${code}: ${message}`;
    }
    expect(refusals).toMatchInlineSnapshot(`
      {
        "a map for a vector": "ERR_PLAN: Expected a vector, as the output is one for plan.steps[3].input, got a map",
        "a number that is none": "ERR_PLAN: Expected a finite number for plan.steps[3].functions[0].args[0], got nan",
        "an unknown function": "ERR_PLAN: Expected a function of this version for plan.steps[3].functions[0].name, got "sin"",
        "combine": "ERR_PLAN: Expected "add", "sub", "mul", "div", "maximum", "minimum" or null for plan.steps[3].combine, got "mod"",
        "functions": "ERR_PLAN: Expected an Array for plan.steps[3].functions, got an object",
        "no combine": "ERR_PLAN: Expected a second operand where there is a "combine", else null for plan.steps[3].other, got an object",
        "no other": "ERR_PLAN: Expected a second operand where there is a "combine", else null for plan.steps[3].other, got null",
        "other of no kind": "ERR_PLAN: Expected a Tensor for plan.steps[3].other.constant, got undefined",
        "other of other sizes": "ERR_PLAN: Expected sizes that are 1 or those of [3, 4, 5] for plan.steps[3].other.constant, got [1, 2, 1]",
        "pre of a vector": "ERR_PLAN: Expected null for a vector for plan.steps[3].pre, got an object",
        "too few numbers": "ERR_PLAN: Expected 2 numbers for plan.steps[3].functions[0].args, got 1",
        "too many functions": "ERR_PLAN: Expected at most 64 functions for plan.steps[3].functions, got 65",
      }
    `);
  });
});
