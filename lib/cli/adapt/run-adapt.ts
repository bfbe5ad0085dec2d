import * as adapt from '../../adapt/index.ts';
import { save } from '../../checkpoint/index.ts';
import { DataLoader } from '../../data/index.ts';
import { manualSeed, type Tensor } from '../../tensor/index.ts';
import { readingOf } from '../reading.ts';
import { requireDevice } from '../train/run-folder.ts';
import type { TrainStreams } from '../train/train.ts';
import { type AdaptOptions, checkAdaptOptions } from './adapt-options.ts';
import type { AdaptFigures, AdaptTask } from './adapt-task.ts';
import { findTarget, targetImages } from './target-images.ts';
import { teach } from './teach.ts';

/** What an adaptation came to. */
export interface Adaptation {
  readonly method: AdaptOptions['method'];
  readonly network: string;
  readonly checkpoint: string;
  /** Null where the guard refused, and nothing was written. */
  readonly output: string | null;
  readonly target: { readonly folder: string; readonly images: number };
  readonly test: { readonly name: string; readonly images: number } | null;
  readonly before: AdaptFigures | null;
  readonly after: AdaptFigures | null;
  /** The weight of the target's statistics; 0 where the guard refused. */
  readonly share: number;
  readonly verdict: adapt.Verdict | null;
  /** Mean entropy of the last batch (tent), share that the teacher was sure of (teacher). */
  readonly entropy?: number;
  readonly confident?: number;
  readonly seconds: number;
}

interface Outcome {
  readonly share: number;
  readonly verdict: adapt.Verdict | undefined;
  readonly entropy?: number;
  readonly confident?: number;
}

/** Adapts, writes, and tells what came out. @returns the exit code: 1 where the guard refused */
export async function adaptAndTell(
  open: () => Promise<AdaptTask>,
  options: AdaptOptions,
  streams: TrainStreams,
): Promise<number> {
  checkAdaptOptions(options);
  requireDevice(options.device);
  manualSeed(options.seed);
  const task = await open();
  task.model.to(options.device as 'cpu');
  const result = await adaptation(task, options, streams);
  streams.stdout.write(options.json ? `${JSON.stringify(result)}\n` : adaptationText(result, task.noTest));
  return result.output === null ? 1 : 0;
}

async function adaptation(
  task: AdaptTask,
  options: AdaptOptions,
  streams: TrainStreams,
): Promise<Adaptation> {
  const { paths, kept } = findTarget(task.target, options.limit, options.bound !== undefined);
  const began = performance.now();
  const before = task.test === undefined ? null : await task.figures();
  const outcome = await adapted(task, paths, kept, options, (text) => streams.stderr.write(text));
  const isRefused = outcome.verdict?.accepted === false;
  const after = task.test === undefined || isRefused ? null : await task.figures();
  if (!isRefused) write(task, options, outcome);
  return {
    method: options.method,
    network: task.name,
    checkpoint: options.checkpoint,
    output: isRefused ? null : options.output,
    target: { folder: task.target, images: paths.length },
    test: task.test ?? null,
    before,
    after,
    ...outcome,
    ...(isRefused ? { share: 0 } : {}),
    verdict: outcome.verdict ?? null,
    seconds: (performance.now() - began) / 1000,
  };
}

async function adapted(
  task: AdaptTask,
  paths: readonly string[],
  kept: readonly string[],
  options: AdaptOptions,
  say: (text: string) => void,
): Promise<Outcome> {
  const { model } = task;
  const { device, bound, method } = options;
  const at = { device: device as 'cpu' };
  const loader = loaderOf(task, paths, options, 'adapt');
  const guard =
    bound === undefined
      ? undefined
      : await adapt.Guard.create(model, disposing(loaderOf(task, kept, options, 'judge')), {
          ...at,
          bound,
        });
  if (method === 'adabn') {
    const given = Object.fromEntries(
      Object.entries({ prior: options.prior, momentum: options.momentum, guard }).filter(
        ([, one]) => one !== undefined,
      ),
    );
    const { share, verdict } = await adapt.adaBn(model, disposing(loader), { ...at, ...given });
    return { share, verdict };
  }
  const told = method === 'tent' ? await minimise(task, loader, options, say) : undefined;
  if (method === 'teacher') await adapt.adaBn(model, disposing(loader), at);
  const taught = method === 'teacher' ? await taughtBy(task, paths, options, say) : undefined;
  // For the weights as they are now: running statistics lag behind them.
  const { share } = await adapt.adaBn(model, disposing(loader), at);
  return { share, verdict: await guard?.judge(model), ...told, ...taught };
}

async function taughtBy(
  task: AdaptTask,
  paths: readonly string[],
  options: AdaptOptions,
  say: (text: string) => void,
) {
  return { confident: await teach(task, loaderOf(task, paths, options, 'teach') as never, options, say) };
}

async function minimise(
  { model }: AdaptTask,
  loader: Loader,
  { device, lr = 1e-3, epochs = 1, norms = 'all' }: AdaptOptions,
  say: (text: string) => void,
): Promise<{ entropy: number }> {
  const tent = new adapt.Tent(model, { lr, norms });
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const batch of disposing(loader)) {
      const inputs = batch.to(device as 'cpu');
      try {
        tent.forward(inputs).dispose();
      } finally {
        inputs.dispose();
      }
    }
    say(`Epoch ${epoch + 1} of ${epochs}: entropy ${tent.entropy.toFixed(4)}\n`);
  }
  tent.end();
  return { entropy: tent.entropy };
}

type Loader = DataLoader<Tensor | [Tensor, Tensor], Tensor>;

function loaderOf(
  { views }: AdaptTask,
  paths: readonly string[],
  { batchSize, workers }: AdaptOptions,
  use: 'adapt' | 'teach' | 'judge',
): Loader {
  const images = targetImages(paths, views, use);
  const reading = readingOf(workers);
  // Each batch counts alike in statistics, so that a small last one would count too much.
  const order = use === 'judge' ? {} : { shuffle: true, dropLast: paths.length > batchSize };
  return new DataLoader(images, { ...reading, batchSize, ...order }) as unknown as Loader;
}

/** Batches that are disposed once they were used; can be gone through again. */
function disposing(batches: AsyncIterable<Tensor>): AsyncIterable<Tensor> {
  return {
    async *[Symbol.asyncIterator]() {
      for await (const batch of batches) {
        try {
          yield batch;
        } finally {
          batch.dispose();
        }
      }
    },
  };
}

function write(task: AdaptTask, { method, output, checkpoint }: AdaptOptions, { share }: Outcome): void {
  const adaptedBy = { method, from: checkpoint, target: task.target, share };
  save({ ...task.extra, adapted: adaptedBy, state_dict: task.model.to('cpu').stateDict() }, output);
}

function adaptationText(result: Adaptation, noTest: string | undefined): string {
  const { network, checkpoint, target, test, before, after, share, verdict, output, method } = result;
  const percent = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(2));
  const row = (name: string, figures: AdaptFigures | null) =>
    figures === null
      ? []
      : [
          `${name}: ${Object.entries(figures)
            .map(([key, value]) => `${key} ${percent(value)}`)
            .join(', ')}`,
        ];
  const judged =
    verdict === null
      ? []
      : [
          `${verdict.accepted ? 'Within' : 'Not within'} the bound: ${percent(100 * verdict.changed)} % of the predictions on ` +
            `images kept apart changed, ${percent(100 * verdict.bound)} % may`,
        ];
  return [
    `${network} of ${checkpoint}, ${method} on ${target.images.toLocaleString('en')} images of ${target.folder}`,
    ...(test === null
      ? [`No figures: ${noTest ?? 'there are no labels'}`]
      : [`${test.images.toLocaleString('en')} labelled images of ${test.name}`]),
    ...row('before', before),
    ...row('after ', after),
    ...(output === null ? [] : [`Weight of the target's statistics: ${share.toFixed(2)}`]),
    ...judged,
    output === null ? 'Nothing was written' : `Written to ${output}`,
    '',
  ].join('\n');
}
