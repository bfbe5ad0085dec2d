import type { Sampler } from '../../data/index.ts';
import type { TrainingSet } from '../data/index.ts';
import { BalancedIdentitySampler, NaiveIdentitySampler, RandomIdentitySampler } from '../samplers/index.ts';
import { NumpyRandom } from '../samplers/numpy-random.ts';
import { ownPart } from '../samplers/replicas.ts';
import type { ReidTrainConfig } from './presets.ts';

/** Which part of the batches a process gets. */
export interface Part {
  readonly rank: number;
  readonly worldSize: number;
}

/**
 * The order of each epoch's images: a function of the seed and the epoch alone, so that a run goes on anywhere. Epochs of the
 * endless samplers have as many batches as the images fill, as in fast-reid.
 */
export class EpochOrder implements Sampler {
  readonly #begin: () => Iterator<readonly number[]>;
  #epochs: Iterator<readonly number[]>;
  #next = 0;
  #order: readonly number[];

  constructor(set: TrainingSet, config: ReidTrainConfig, part: Part) {
    this.#begin = () => epochsOf(set, config, part);
    this.#epochs = this.#begin();
    this.#order = this.#take();
  }

  /** Makes the order that of an epoch, counted from 0. */
  begin(epoch: number): void {
    if (epoch === this.#next - 1) return;
    if (epoch < this.#next) {
      this.#epochs = this.#begin();
      this.#next = 0;
    }
    while (this.#next <= epoch) this.#order = this.#take();
  }

  get length(): number {
    return this.#order.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    yield* this.#order;
  }

  #take(): readonly number[] {
    this.#next++;
    return this.#epochs.next().value as readonly number[];
  }
}

function epochsOf(set: TrainingSet, config: ReidTrainConfig, part: Part): Iterator<readonly number[]> {
  const { sampler, batchSize, numInstances, seed = 0 } = config;
  const ids = set.images.map(({ label }) => label);
  const perEpoch = itersPerEpoch(ids.length, batchSize, part) * batchSize;
  const options = { batchSize, numInstances, seed };
  if (sampler === 'NaiveIdentitySampler')
    return cut(new NaiveIdentitySampler(ids, { ...options, ...part }), perEpoch);
  if (sampler === 'BalancedIdentitySampler') {
    const cameras = set.images.map(({ camera }) => camera);
    return cut(new BalancedIdentitySampler(ids, cameras, { ...options, ...part }), perEpoch);
  }
  if (sampler === 'RandomSampler') return shuffled(ids.length, perEpoch, seed, part);
  return identities(ids, options, part);
}

/** Batches of a rank in an epoch: as many as the images fill. */
export function itersPerEpoch(images: number, batchSize: number, { worldSize }: Part): number {
  const count = Math.floor(images / (batchSize * worldSize));
  if (count > 0) return count;
  throw new RangeError(
    `Expected at least one batch of images to train on, got ${images} images for batches of ${batchSize * worldSize}; lower batchSize`,
  );
}

function* cut(endless: Iterable<number>, size: number): Generator<readonly number[]> {
  let order: number[] = [];
  for (const index of endless) {
    if (order.push(index) < size) continue;
    yield order;
    order = [];
  }
}

function* shuffled(images: number, perEpoch: number, seed: number, part: Part): Generator<readonly number[]> {
  const random = new NumpyRandom(seed);
  const { rank, worldSize } = part;
  for (;;) {
    const order = Array.from({ length: images }, (_, i) => i);
    random.shuffle(order);
    yield order.filter((_, i) => i % worldSize === rank).slice(0, perEpoch);
  }
}

function* identities(
  ids: readonly number[],
  options: { batchSize: number; numInstances: number; seed: number },
  { rank, worldSize }: Part,
): Generator<readonly number[]> {
  const whole = options.batchSize * worldSize;
  const sampler = new RandomIdentitySampler(ids, { ...options, batchSize: whole });
  for (;;) {
    const order = [...sampler];
    const starts = Array.from({ length: Math.floor(order.length / whole) }, (_, i) => i * whole);
    yield starts.flatMap((start) => ownPart(order.slice(start, start + whole), rank, worldSize));
  }
}
