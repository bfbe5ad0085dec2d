import { describe, expect, it } from 'vitest';
import { compile } from '../../lib/compile/index.ts';
import { DataLoader, TensorDataset } from '../../lib/data/index.ts';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { manualSeed, memoryStats, randint, randn, type Tensor } from '../../lib/tensor/index.ts';
import { ClassificationMetrics, evaluate } from '../../lib/train/index.ts';
import { collectGarbage } from '../helpers/gc.ts';

const SMALL = { numClasses: 6, widths: [8, 8, 8, 8], stem: 'small' } as const;

function data(samples: number) {
  manualSeed(1);
  return new TensorDataset(randn([samples, 3, 32, 32]), randint(0, 6, [samples]));
}

const batches = (dataset: ReturnType<typeof data>, batchSize = 4) =>
  new DataLoader(dataset, { batchSize }) as unknown as AsyncIterable<[Tensor, Tensor]>;

describe('evaluate', () => {
  it('comes to the same for a module and for the compiled one', async () => {
    manualSeed(0);
    const model = models.resnet18_ibn_a(SMALL);
    const dataset = data(18);
    const [eager, compiled] = [new ClassificationMetrics(6), new ClassificationMetrics(6)];
    const fast = await compile(model.eval(), { inputs: [[1, 3, 32, 32]] });
    expect(await evaluate(model, batches(dataset), eager)).toMatchObject({ batches: 5, samples: 18 });
    await evaluate(fast, batches(dataset), compiled);
    fast.dispose();
    expect(compiled.confusion()).toEqual(eager.confusion());
    expect(compiled.summary().loss).toBeCloseTo(eager.summary().loss, 4);
  });

  it('puts a module into evaluation mode and each part back into its own', async () => {
    const model = new nn.Sequential(new nn.Flatten(), new nn.Dropout(0.9), new nn.Linear(3072, 6));
    (model.get(2) as nn.Module).eval();
    const [first, second] = [new ClassificationMetrics(6), new ClassificationMetrics(6)];
    for (const metrics of [first, second]) await evaluate(model, batches(data(8)), metrics);
    expect(second.summary()).toEqual(first.summary());
    expect([model.training, ...[...model.children()].map((child) => child.training)]).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('takes metrics of any kind, and says how far it is', async () => {
    const seen: unknown[] = [];
    const metrics = { update: (output: Tensor, target: Tensor) => seen.push([output.shape, target.shape]) };
    const far: number[] = [];
    const model = new nn.Flatten();
    await evaluate(model, batches(data(6)), metrics, { onBatch: ({ samples }) => far.push(samples) });
    expect(seen).toEqual([
      [[4, 3072], [4]],
      [[2, 3072], [2]],
    ]);
    expect(far).toEqual([4, 6]);
  });

  it('leaves no tensors behind, also where metrics fail', async () => {
    const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(3072, 6));
    const dataset = data(12);
    const loader = batches(dataset, 2);
    await evaluate(model, loader, new ClassificationMetrics(6));
    await collectGarbage();
    const before = memoryStats().tensors;
    await evaluate(model, loader, new ClassificationMetrics(6));
    await collectGarbage(); // samples, which nobody disposes
    expect(memoryStats().tensors).toBe(before);
    const broken = new ClassificationMetrics(5);
    // The loader that stopped in an epoch knows how that began.
    await expect(evaluate(model, batches(dataset, 2), broken)).rejects.toThrow(
      'Expected scores of 5 classes',
    );
    await collectGarbage();
    expect(memoryStats().tensors).toBe(before);
    expect(model.training).toBe(true);
  });

  it('says what it takes', async () => {
    const call = (...args: unknown[]) =>
      (evaluate as unknown as (...all: unknown[]) => Promise<unknown>)(...args);
    await expect(call(null, [], {})).rejects.toThrow(
      'Expected a Module or a compiled model for evaluate, got null',
    );
    await expect(call(new nn.Flatten(), [], {}, { devise: 'cpu' })).rejects.toThrow('"devise"');
  });
});
