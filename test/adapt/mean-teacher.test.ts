import { describe, expect, it } from 'vitest';
import * as adapt from '../../lib/adapt/index.ts';
import type * as nn from '../../lib/nn/index.ts';
import { SGD } from '../../lib/optim/index.ts';
import { manualSeed, noGrad, randint, randn, type Tensor, tensor } from '../../lib/tensor/index.ts';
import * as train from '../../lib/train/index.ts';
import { expectClose } from '../helpers/compare.ts';
import { fixture } from '../helpers/files.ts';
import { drawBatches, network, segmenter } from './networks.ts';

interface Run {
  readonly losses: number[];
  readonly confident: number[];
  readonly weight: number[];
  readonly mean: number[];
}
const want = fixture<{ teacher: Record<string, Run> }>('adapt/adaptation.json').teacher;

const CASES = [
  ['classes', network, 0.337, false],
  ['classes and source', network, 0.337, true],
  ['pixels', segmenter, 0.38, true],
] as const;

function batchesFor(model: ReturnType<typeof network>, hasSource: boolean): adapt.TeacherBatch[] {
  const [weak, strong] = [drawBatches(21), drawBatches(22)];
  return weak.map((one, step) => {
    const target = [one, strong[step] as Tensor] as const;
    if (!hasSource) return { target };
    manualSeed(30 + step);
    const images = randn([4, 3, 9, 10]);
    const [, classes, ...sizes] = noGrad(() => model.forward(images)).shape as [number, number, ...number[]];
    return { target, source: [images, randint(0, classes, [4, ...sizes])] };
  });
}

describe('MeanTeacher', () => {
  it.each(CASES)(
    "has torch's losses and teacher on a Trainer: %s",
    async (name, build, threshold, hasSource) => {
      const model = build();
      const data = batchesFor(build(), hasSource);
      const expected = want[name] as Run;
      const teacher = new adapt.MeanTeacher(model, { decay: 0.9, threshold, weight: 0.5 });
      const steps: train.Figures[] = [];
      await new train.Trainer<adapt.TeacherBatch>({
        model,
        optimizer: new SGD(model.parameters(), { lr: 0.05 }),
        data,
        loss: teacher.loss,
        ema: teacher.ema,
        epochs: 1,
        callbacks: { onStep: ({ values }) => void steps.push(values) },
      }).fit();
      for (const [i, { loss, confident }] of steps.entries()) {
        expect(Math.abs((loss as number) - (expected.losses[i] as number))).toBeLessThan(1e-5);
        expect(confident).toBeCloseTo(expected.confident[i] as number, 5);
      }
      expect(steps).toHaveLength(3);
      const mean = teacher.ema.module as nn.Sequential;
      const { weight } = mean.get(0) as nn.Conv2d;
      expectClose(weight.detach().flatten().narrow(0, 0, 20), tensor(expected.weight), {
        rtol: 1e-4,
        atol: 1e-6,
      });
      const { running_mean } = mean.get(4) as nn.BatchNorm2d;
      expectClose(running_mean as Tensor, tensor(expected.mean), { rtol: 1e-4, atol: 1e-6 });
    },
  );

  it('refuses options and batches that it cannot use', () => {
    const model = network();
    expect(() => new adapt.MeanTeacher(model, { decay: 2 })).toThrow('from 0 to 1 for MeanTeacher decay');
    expect(() => new adapt.MeanTeacher(model, { treshold: 1 } as never)).toThrow('did you mean threshold?');
    expect(() => new adapt.MeanTeacher({} as never)).toThrow('Expected a Module');
    const teacher = new adapt.MeanTeacher(model);
    expect(() => teacher.loss({ target: randn([2]) } as never, model)).toThrow(
      'Expected two Tensors as target',
    );
  });
});
