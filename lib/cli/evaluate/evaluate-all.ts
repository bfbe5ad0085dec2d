import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  DataLoader,
  DistributedEvalSampler,
  datasets,
  decodeImage,
  type ImageRecord,
} from '../../data/index.ts';
import type { StatusStream } from '../../net/status-line.ts';
import { type Tensor, tensor } from '../../tensor/index.ts';
import { ClassificationMetrics, evaluate } from '../../train/index.ts';
import { adviseInFlags } from '../flag-advice.ts';
import { Classifier } from '../network/classifier.ts';
import { ImageProgress } from '../network/image-progress.ts';
import { leaveCoresToNetwork } from '../network/leave-cores.ts';
import type { CommandRanks } from '../ranks.ts';
import { type Condition, ORIGIN, TABLE_1 } from './conditions.ts';
import type { Contestant } from './contestants.ts';
import { type Corrupted, corruptedConditions } from './corrupted.ts';
import { type CorruptionErrors, corruptionErrors, ErrorCount } from './corruption-errors.ts';
import type { EvaluateOptions } from './evaluate.ts';
import type { ConditionResult, Evaluation, NetworkResult } from './evaluation.ts';
import { matchLabels } from './labels.ts';

/** Evaluates networks, one after the other. Where there are several ranks, each image is one's, and all know what came out. */
export async function evaluateAll(
  data: string,
  contestants: readonly Contestant[],
  options: EvaluateOptions,
  stderr: StatusStream,
  ranks: CommandRanks,
): Promise<Evaluation> {
  const root = dataFolder(data, options.split);
  const folder = new datasets.ImageFolder(root);
  const { corruptions, seed = 0 } = options;
  const corrupted = corruptions === undefined ? [] : corruptedConditions(corruptions, seed);
  const unreadable = new Map<string, string>();
  const results: NetworkResult[] = [];
  for (const contestant of contestants) {
    const device = ranks.deviceOf(options.device);
    const classifier = await Classifier.load({ ...options, ...contestant, device }).catch(adviseInFlags);
    const run = new Run(folder, classifier, corrupted, options, stderr, unreadable, ranks);
    results.push(await run.result(contestant.name));
  }
  const left = await ranks.gather([...unreadable].map(([path, reason]) => ({ path, reason })));
  return { data: root, folders: folder.classes, unreadable: left, results };
}

/** `DATA/val`, or the folder itself where there is none. */
function dataFolder(data: string, split: string): string {
  const inside = join(data, split);
  return statSync(inside, { throwIfNoEntry: false })?.isDirectory() ? inside : data;
}

/** An image in its final size, and its class; or why there is none. */
type Read =
  | { readonly shaped: Tensor; readonly number: number; readonly label: number }
  | { readonly path: string; readonly error: Error };

interface Target {
  readonly condition: number;
  readonly labels: Tensor;
}

/** One network over all images. */
class Run {
  readonly #folder: datasets.ImageFolder;
  readonly #classifier: Classifier;
  readonly #options: EvaluateOptions;
  readonly #stderr: StatusStream;
  readonly #unreadable: Map<string, string>;
  readonly #conditions: readonly [Condition, ...Condition[]];
  readonly #corrupted: readonly Corrupted[];
  readonly #ranks: CommandRanks;

  constructor(
    folder: datasets.ImageFolder,
    classifier: Classifier,
    corrupted: readonly Corrupted[],
    options: EvaluateOptions,
    stderr: StatusStream,
    unreadable: Map<string, string>,
    ranks: CommandRanks,
  ) {
    this.#folder = folder;
    this.#classifier = classifier;
    this.#options = options;
    this.#stderr = stderr;
    this.#unreadable = unreadable;
    this.#corrupted = corrupted;
    this.#ranks = ranks;
    this.#conditions = [ORIGIN, ...(options.robustness ? TABLE_1 : [])];
  }

  async result(name: string): Promise<NetworkResult> {
    const { runner, classes, preparation, architecture, checkpoint } = this.#classifier;
    if (runner.refusal !== undefined && this.#ranks.isFirst)
      this.#stderr.write(`${name} runs uncompiled: ${runner.refusal}\n`);
    const { by, labels } = matchLabels(this.#folder.classes, this.#classifier);
    const metrics = this.#conditions.map(() => new ClassificationMetrics(classes.length, { classes }));
    const counts = this.#corrupted.map(() => new ErrorCount());
    const { seconds, samples } = await this.#evaluate(labels, [...metrics, ...counts]);
    for (const counted of [...metrics, ...counts]) await this.#ranks.total(counted);
    const images = await this.#ranks.sum(samples);
    return {
      name,
      architecture,
      checkpoint,
      matchedBy: by,
      classes,
      resize: preparation.resize,
      crop: preparation.crop,
      seconds,
      imagesPerSecond: images / seconds,
      conditions: this.#conditions.map((condition, index) =>
        resultOf(condition, metrics[index] as ClassificationMetrics),
      ) as [ConditionResult, ...ConditionResult[]],
      ...(counts.length > 0 ? { corruptions: this.#corruptionErrors(counts) } : {}),
    };
  }

  #corruptionErrors(counts: readonly ErrorCount[]): CorruptionErrors {
    const isImageNet = this.#classifier.namesFrom === 'imagenet';
    return corruptionErrors(this.#corrupted, counts, { seed: this.#options.seed ?? 0, isImageNet });
  }

  async #evaluate(labels: readonly number[], metrics: readonly (ClassificationMetrics | ErrorCount)[]) {
    const { runner } = this.#classifier;
    const progress = new ImageProgress(this.#part?.length ?? this.#folder.length, this.#stderr);
    const restore = await leaveCoresToNetwork(runner);
    const update = (logits: Tensor, { condition, labels: target }: Target) => {
      metrics[condition]?.update(logits, target);
      if (condition === metrics.length - 1) progress.advance(target.shape[0] as number);
      target.dispose();
    };
    try {
      return await evaluate(runner, this.#batches(labels, progress), { update });
    } finally {
      progress.clear();
      restore();
    }
  }

  /** Which images are this rank's, where there are several. */
  get #part(): DistributedEvalSampler | undefined {
    return this.#ranks.isShared ? new DistributedEvalSampler(this.#folder) : undefined;
  }

  /** The batches under each condition. Images are decoded once. */
  async *#batches(labels: readonly number[], progress: ImageProgress): AsyncGenerator<[Tensor, Target]> {
    const dataset = this.#images(labels);
    const collateFn = (batch: Read[]) => batch;
    const { batchSize } = this.#options;
    const part = this.#part;
    const order = part === undefined ? {} : { sampler: part };
    for await (const batch of new DataLoader(dataset, { batchSize, collateFn, ...order })) {
      for (const item of batch) if ('error' in item) this.#report(item, progress);
      const images = batch.flatMap((item) => ('error' in item ? [] : [item]));
      if (images.length > 0) yield* this.#underEach(images);
      for (const { shaped } of images) shaped.dispose();
    }
  }

  async *#underEach(
    images: readonly { shaped: Tensor; number: number; label: number }[],
  ): AsyncGenerator<[Tensor, Target]> {
    const classes = images.map(({ label }) => label);
    for (const [index, condition] of [...this.#conditions, ...this.#corrupted].entries()) {
      const batch = await condition.inputs(images, this.#classifier.preparation);
      yield [batch, { condition: index, labels: tensor(classes, { dtype: 'int64' }) }];
    }
  }

  /** Images are prepared on the loader's threads. */
  #images(labels: readonly number[]) {
    const { samples } = this.#folder;
    const imageRecord = (number: number) => {
      const [source, folder] = samples[number] as readonly [string, number];
      return {
        source,
        transform: this.#classifier.preparation.shaping,
        sample: (shaped: Tensor): Read => ({ shaped, number, label: labels[folder] as number }),
        failed: (error: Error): Read => ({ path: source, error }),
      };
    };
    const get = (number: number) => this.#read(imageRecord(number));
    return { length: samples.length, get, imageRecord };
  }

  /** Where native code reads no images. */
  async #read({ source, sample, failed }: ImageRecord<Read> & Required<Pick<ImageRecord<Read>, 'failed'>>) {
    try {
      const image = await decodeImage(source as string);
      const shaped = this.#classifier.preparation.shape(image);
      if (shaped !== image) image.dispose();
      return sample(shaped);
    } catch (error) {
      return failed(error as Error);
    }
  }

  /** Once, though several networks meet it. */
  #report({ path, error }: { path: string; error: Error }, progress: ImageProgress): void {
    if (this.#unreadable.has(path)) return;
    this.#unreadable.set(path, error.message);
    progress.clear();
    this.#stderr.write(`${error.message}\n`);
  }
}

function resultOf({ name }: Condition, metrics: ClassificationMetrics): ConditionResult {
  return {
    condition: name,
    summary: metrics.summary(),
    perClass: metrics.perClass(),
    confusion: metrics.confusion(),
  };
}
