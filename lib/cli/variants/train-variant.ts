import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import { transforms } from '../../data/index.ts';
import { functional } from '../../nn/index.ts';
import { lrScheduler, SGD } from '../../optim/index.ts';
import * as studies from '../../studies/index.ts';
import { inferenceMode, manualSeed, scope, setNumThreads, type Tensor } from '../../tensor/index.ts';
import { ClassificationMetrics, Trainer } from '../../train/index.ts';
import { type Change, TABLE_1_CHANGES } from '../evaluate/conditions.ts';
import { divergencesOf, type RunDivergences } from './divergences.ts';
import type { VariantRun, VariantsForm } from './form.ts';
import { loadVariantData, type VariantData } from './variant-data.ts';

/** What came of one network. */
export interface VariantResult extends studies.MeasuredRun {
  readonly id: string;
  readonly parameters: number;
  readonly classes: number;
  readonly samples: Readonly<Record<string, number>>;
  /** Of the last epoch; null where a run went on after it. */
  readonly loss: number | null;
  /** Processor time of this process for the run, in seconds. */
  readonly cpuSeconds: number;
  /** Of the networks of Fig. 5. */
  readonly divergences?: RunDivergences;
}

/** Networks whose features are compared by depth. */
export const FIG_5: readonly string[] = ['none', 'a', 'b'];

/** Where a run's result is. */
export const resultPath = (output: string, id: string) => join(output, 'runs', `${id}.json`);

/** Options of {@link trainVariant}, which change no figure. */
export interface TrainingVariant {
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (() => void) | undefined;
  /** Where drawings are kept. */
  readonly cache?: string | undefined;
}

/**
 * Trains and tests one network, from its newest checkpoint if there is one; its result is whole, or there is none.
 *
 * @returns false where `signal` ended it
 */
export async function trainVariant(
  output: string,
  form: VariantsForm,
  run: VariantRun,
  { signal, onStep, cache }: TrainingVariant = {},
): Promise<boolean> {
  if (form.device === 'cpu') setNumThreads(1); // runs are many; a run's numbers do not depend on how many there are
  const began = process.cpuUsage();
  const data = await loadVariantData(form, run.seed, cache);
  manualSeed(run.seed);
  const { depth, stem, widths, device } = form;
  const model = studies.buildVariant(run.variant, depth, { stem, widths, numClasses: data.classes.length });
  model.to(device as 'cpu');
  const folder = join(output, 'checkpoints', run.id);
  mkdirSync(folder, { recursive: true });
  const loss = await fitted(model, data, form, { folder, seed: run.seed, signal, onStep });
  if (loss === undefined) return false;
  const { errors, samples } = await measure(model, data, form);
  const { user, system } = process.cpuUsage(began);
  const result: VariantResult = {
    ...{ ...run, errors, samples, loss },
    parameters: model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0),
    classes: data.classes.length,
    cpuSeconds: (user + system) / 1e6,
    ...(FIG_5.includes(run.variant) ? { divergences: await divergencesOf(model, data, device) } : {}),
  };
  const text = `${JSON.stringify(result, null, 1)}\n`;
  writeAtomically(resultPath(output, run.id), (sink) => sink(Buffer.from(text)));
  rmSync(folder, { recursive: true });
  model.dispose();
  return true;
}

interface Fitting {
  readonly folder: string;
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
  readonly onStep: (() => void) | undefined;
}

type Model = ReturnType<typeof studies.buildVariant>;

/** The mean loss of the last epoch; undefined where the run was stopped. */
async function fitted(
  model: Model,
  data: VariantData,
  { epochs, lr, weightDecay, device }: VariantsForm,
  { folder, seed, signal, onStep }: Fitting,
): Promise<number | null | undefined> {
  const loader = data.train(seed);
  const optimizer = new SGD(model.parameters(), { lr, momentum: 0.9, nesterov: true, weightDecay });
  let loss: number | null = null;
  const trainer = new Trainer({
    ...{ model, optimizer, data: loader, epochs, output: folder, keepLast: 1, fuseNorms: device === 'cpu' },
    device: device as 'cpu',
    scheduler: new lrScheduler.CosineAnnealingLR(optimizer, epochs * (loader.length as number)),
    schedulerStep: 'step',
    loss: ([images, labels]: [Tensor, Tensor]) =>
      functional.crossEntropy(model.forward(images.to(device as 'cpu')), labels.to(device as 'cpu')),
    evaluate: () => ({}),
    callbacks: {
      onStep: () => onStep?.(),
      onEpoch: ({ train }) => {
        loss = train.loss as number;
      },
    },
  });
  const { finished } = await trainer.fit({ resume: 'auto', signal });
  return finished ? loss : undefined;
}

/** Top-1 errors on each test, and on `origin` under the changes of Table 1; images are read once. */
async function measure(model: Model, data: VariantData, { device }: VariantsForm) {
  const errors: Record<string, number> = {};
  const samples: Record<string, number> = {};
  model.eval();
  for (const [name, batches] of data.tests) {
    const own: Change = { name, change: (batch) => batch };
    const all = name === 'origin' ? [own, ...TABLE_1_CHANGES] : [own];
    const metrics = all.map(() => new ClassificationMetrics(data.classes.length));
    for await (const [images, labels] of batches()) {
      all.forEach(({ change }, i) => {
        inferenceMode(() =>
          scope(() => {
            const inputs = change(images, transforms.IMAGENET_STD).to(device as 'cpu');
            metrics[i]?.update(model.forward(inputs).cpu(), labels);
          }),
        );
      });
      for (const each of [images, labels]) each.dispose();
    }
    for (const [i, { name: condition }] of all.entries()) {
      const summary = (metrics[i] as ClassificationMetrics).summary();
      errors[condition] = summary.top1Error;
      samples[condition] = summary.samples;
    }
  }
  return { errors, samples };
}
