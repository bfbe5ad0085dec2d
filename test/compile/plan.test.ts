import { beforeAll, describe, expect, it } from 'vitest';
import { explain } from '../../lib/compile/cpu/explain.ts';
import { buildPlan } from '../../lib/compile/cpu/lower.ts';
import type { Plan, PlanBuffer } from '../../lib/compile/cpu/plan.ts';
import { accesses, bufferBytes, planMemory } from '../../lib/compile/cpu/plan-memory.ts';
import type { BuildPlanOptions } from '../../lib/compile/plan-options.ts';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { noGrad, randn, scope, setNumThreads, type Tensor } from '../../lib/tensor/index.ts';
import { message } from '../helpers/errors.ts';
import { interpret } from '../helpers/plan-interpreter.ts';
import { countSteps, expectAgreement, prepared, relativeError } from '../helpers/plans.ts';

const INPUTS = [[1, 3, 32, 32]] as const;
const SMALL = { widths: [8, 16, 16, 16], numClasses: 5 } as const;
const CONFIGS: models.IBNConfig[] = [
  ['a', 'a', 'a', null],
  ['b', 'b', null, null],
  ['d', 'ad', 'c', null],
];
const small = (options: models.ResNetIBNOptions = {}) =>
  prepared(new models.ResNet_IBN(models.BasicBlock_IBN, [1, 1, 1, 1], { ...SMALL, ...options }));
const dense = () =>
  prepared(
    new models.DenseNet_IBN({ growthRate: 8, blockConfig: [3, 3, 3, 2], numInitFeatures: 16, numClasses: 5 }),
  );

beforeAll(() => setNumThreads(1));

describe('the options of a plan', () => {
  it('are checked', () => {
    const failure = (options: object) => message(() => buildPlan(small(), options as BuildPlanOptions));
    expect(failure({ inputs: [3, 32, 32] })).toMatchInlineSnapshot(
      `"RangeError: Expected shapes [N, C, H, W] for compile inputs, such as [[1, 3, 224, 224]], got [3,32,32]"`,
    );
    expect(failure({ inputs: [[1, 3, 32, 32]], dtype: 'int8' })).toMatchInlineSnapshot(
      `"RangeError: Expected "float32" or "bfloat16" for compile dtype, got "int8""`,
    );
    expect(failure({ inputs: [[1, 3, 32, 32]], unsupported: 'skip' })).toMatchInlineSnapshot(
      `"RangeError: Expected "error" or "eager" for compile unsupported, got "skip""`,
    );
    expect(failure({ inputs: [[1, 3, 32, 32]], threads: 2 })).toContain('Expected a known option');
  });
});

describe('several inputs and outputs', () => {
  it('gives features by name, also those that are normalised on the way', () => {
    const names = ['relu', 'layer1', 'layer2', 'layer4'];
    for (const ibnCfg of CONFIGS) {
      const model = models.createFeatureExtractor(small({ ibnCfg }), names).eval();
      const plan = scope(() => buildPlan(model, { inputs: INPUTS }));
      expect(plan.outputs.map(({ name }) => name)).toEqual(names);
      expectAgreement(model, plan, 32);
    }
    const model = models.createFeatureExtractor(dense(), ['features.relu0', 'features.denseblock2', 'relu']);
    expectAgreement(model.eval(), buildPlan(model, { inputs: INPUTS }), 32);
  });

  it('takes several inputs, and an input as output', () => {
    class Two extends nn.Module {
      conv = new nn.Conv2d(3, 4, 1);
      forward(x: Tensor, y: Tensor) {
        return [this.conv.forward(x).add(y).relu(), y];
      }
    }
    const model = new Two().eval();
    const plan = buildPlan(model, {
      inputs: [
        [1, 3, 5, 7],
        [1, 4, 5, 7],
      ],
    });
    expect(countSteps(plan)).toEqual({ conv: 1, fromPlanar: 1 });
    scope(() => {
      const [x, y] = [randn([2, 3, 5, 7]), randn([2, 4, 5, 7])];
      const found = interpret(plan, x, y);
      const [sum] = noGrad(() => model.forward(x, y));
      expect(relativeError(found['0'] as Tensor, sum as Tensor)).toBeLessThan(1e-5);
      expect(relativeError(found['1'] as Tensor, y)).toBe(0);
    });
  });
});

/** Whether two buffers have bytes in common. */
function clash(plan: Plan, a: PlanBuffer, b: PlanBuffer): boolean {
  const [x, y] = [bufferBytes(a, plan.dtype), bufferBytes(b, plan.dtype)];
  return a.offset < b.offset + y && b.offset < a.offset + x;
}

/** First and last step that touch each buffer. */
function lifetimes(plan: Plan): [number, number][] {
  const found = plan.buffers.map((): [number, number] => [plan.steps.length, -1]);
  const touch = (id: number, step: number) => {
    const life = found[(plan.values[id] as Plan['values'][number]).buffer] as [number, number];
    life[0] = Math.min(life[0], step);
    life[1] = Math.max(life[1], step);
  };
  for (const [i, step] of plan.steps.entries()) {
    const { reads, writes } = accesses(step);
    for (const id of [...reads, ...writes]) touch(id, i);
  }
  for (const { value } of plan.outputs) touch(value, plan.steps.length);
  return found;
}

describe('the memory plan', () => {
  it('never lets two buffers share bytes while both are needed', () => {
    for (const model of [small(), small({ ibnCfg: ['c', 'aa', 'ad', null] }), dense()]) {
      const plan = scope(() => buildPlan(model, { inputs: INPUTS }));
      const lives = lifetimes(plan);
      const clashes = plan.buffers.flatMap((buffer, i) =>
        plan.buffers.flatMap((other, k) => {
          const [a, b] = [lives[i], lives[k]] as [[number, number], [number, number]];
          const together = a[0] <= b[1] && b[0] <= a[1];
          return i < k && together && clash(plan, buffer, other) ? [[i, k]] : [];
        }),
      );
      expect(clashes).toEqual([]);
      expect(plan.buffers.every(({ offset }) => offset % 64 === 0)).toBe(true);
      const needed = plan.buffers.map((buffer) => buffer.offset + bufferBytes(buffer, plan.dtype));
      expect(plan.arenaBytes).toBeGreaterThanOrEqual(Math.max(...needed));
    }
  });

  it('reuses memory, and keeps maps of bfloat16 in half of it', () => {
    const model = small();
    const [full, half] = (['float32', 'bfloat16'] as const).map((dtype) =>
      buildPlan(model, { inputs: INPUTS, dtype }),
    ) as [Plan, Plan];
    const separate = full.buffers.reduce((sum, buffer) => sum + bufferBytes(buffer, 'float32'), 0);
    expect(full.arenaBytes).toBeLessThan(separate * 0.7);
    expect(half.arenaBytes).toBeLessThan(full.arenaBytes * 0.6);
    const x = randn([2, 3, 32, 32]);
    const [want, got] = [full, half].map((plan) => interpret(plan, x).output) as [Tensor, Tensor];
    expect(relativeError(got, want)).toBeLessThan(0.05);
  });

  it('takes the tightest gap', () => {
    const buffer = (bytes: number): PlanBuffer => ({
      kind: 'vector',
      channels: bytes / 4,
      height: 1,
      width: 1,
      offset: -1,
    });
    const buffers = [buffer(1024), buffer(768), buffer(896), buffer(100)];
    // Steps 0 -> 1 -> 2 -> 3: the third takes the place of the first, and leaves 128 bytes for the fourth.
    const steps = [0, 1, 2].map((i) => ({ op: 'copy', name: '', input: i, output: i + 1 }) as const);
    const values = buffers.map(({ channels }, i) => ({ buffer: i, from: 0, channels }));
    const outputs = [{ value: 1, name: 'output' }];
    const bytes = planMemory({ dtype: 'float32', inputs: [], buffers, values, steps, outputs });
    expect(buffers.map(({ offset }) => offset)).toEqual([0, 1024, 0, 896]);
    expect(bytes).toBe(1792);
  });
});

describe('explain', () => {
  it('shows steps, fused parts, memory and work', () => {
    const plan = buildPlan(small({ ibnCfg: ['a', 'b', null, null] }), { inputs: INPUTS });
    expect(`\n${explain(plan)}\n`).toMatchInlineSnapshot(`
      "
       #  Step            Module                 Kernel  Output   Fused                                   Buffers               MACs
      ------------------------------------------------------------------------------------------------------------------------------
       0  conv            conv1                  7x7 s2  8x16x16  relu                                    input 0 -> b0      301,056
       1  maxPool         maxpool                3x3 s2  8x8x8                                            b0 -> b1
       2  conv            layer1.0.conv1         3x3     8x8x8    statistics                              b1 -> b2 b3 b4      36,864
       3  instanceAffine  layer1.0.bn1                   8        channels 0:4                            b3 b4 -> b5 b6
       4  conv            layer1.0.conv2         3x3     8x8x8    instance norm+relu of input, add, relu  b2 b1 b5 b6 -> b1   36,864
       5  conv            layer2.0.downsample.0  1x1 s2  16x4x4                                           b1 -> b7             2,048
       6  conv            layer2.0.conv1         3x3 s2  16x4x4   relu                                    b1 -> b8            18,432
       7  conv            layer2.0.conv2         3x3     16x4x4   add, relu                               b8 b7 -> b7         36,864
       8  conv            layer3.0.downsample.0  1x1 s2  16x2x2                                           b7 -> b9             1,024
       9  conv            layer3.0.conv1         3x3 s2  16x2x2   relu                                    b7 -> b10            9,216
      10  conv            layer3.0.conv2         3x3     16x2x2   add, relu                               b10 b9 -> b9         9,216
      11  conv            layer4.0.downsample.0  1x1 s2  16x1x1                                           b9 -> b11              256
      12  conv            layer4.0.conv1         3x3 s2  16x1x1   relu                                    b9 -> b12            2,304
      13  conv            layer4.0.conv2         3x3     16x1x1   add, relu                               b12 b11 -> b11       2,304
      14  globalMean      avgpool                        16                                               b11 -> b13
      15  linear          fc                             5                                                b13 -> b14              80
      ------------------------------------------------------------------------------------------------------------------------------
      Steps: 16, maps in float32
      Mult-adds: 456,528 an image
      Arena: 10,240 bytes an image for 15 buffers of 15,188
      Outputs: output (5)
      "
    `);
  });

  it('counts the work of the whole network as summary does', () => {
    const model = small();
    const { macs } = models.summary(model, [1, 3, 32, 32]);
    expect(explain(buildPlan(model, { inputs: INPUTS }))).toContain(
      `Mult-adds: ${macs.toLocaleString('en-US')} an image`,
    );
  });
});
