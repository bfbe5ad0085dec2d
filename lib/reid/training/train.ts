import { randomInt } from 'node:crypto';
import { checkOptionsObject, checkPositions, describeValue } from '../../options.ts';
import type { Callbacks, FitResult } from '../../train/index.ts';
import type { ReidData } from '../data/index.ts';
import type { ReidTestSet } from './figures.ts';
import type { ReidTrainValues } from './options.ts';
import { prepareRun, type ReidRun, type RunInputs } from './prepare.ts';
import { REID_SPACE, type ReidPresetName, type ReidTrainConfig } from './presets.ts';

/** Options of {@link train}: those of the recipe, and what it runs on. */
export interface ReidTrainOptions extends ReidTrainValues {
  /** What is trained on; identities of different sets are different. */
  train: ReidData | readonly ReidData[];
  /** What is evaluated on. Default: nothing. */
  test?: ReidData | ReidTestSet | readonly (ReidData | ReidTestSet)[];
  /** A published recipe; other options count more. Default 'strong-baseline'. */
  preset?: ReidPresetName;
  /** A YAML or JSON file of options; those given here count more. */
  config?: string;
  callbacks?: Callbacks | readonly Callbacks[];
  /** `'auto'`: go on from the newest checkpoint of `output`, if there is one; or a file. */
  resume?: 'auto' | (string & {});
  /** Whether rates and schedule may be others than those of the run that goes on. Default false. */
  override?: boolean;
  /** Ends the run after the step under way, with a checkpoint. */
  signal?: AbortSignal;
}

/** How a run ended, and its network. */
export interface ReidTrainResult extends FitResult, Omit<ReidRun, 'trainer'> {
  /** All options of the run, its seed among them. */
  readonly config: ReidTrainConfig;
}

/**
 * Trains a network for re-identification: P x K batches, identity, triplet and center losses, the published recipes and
 * schedules; mAP and rank 1 every `evalEvery` epochs, the best kept. Checkpoints go on bit for bit, within an epoch too (CPU,
 * same number of threads). `weights_best.pth` and `weights_last.pth` are files of the network's own code: `reid.load` and
 * Python open them.
 *
 * Over several ranks (`ibn-net launch`, `distributed.initProcessGroup`) each has `batchSize` images of the batch, and gradients
 * are averaged. Every rank evaluates.
 *
 * @throws RangeError, TypeError for an option or a value that is none; TrainError as `train.Trainer`
 * @example
 * const market = reid.loadData('market1501', 'data');
 * const { best } = await reid.train({
 *   train: market,
 *   test: market,
 *   model: 'strong-baseline/resnet50_ibn_a',
 *   pretrained: 'hub',
 *   output: 'runs/market',
 * });
 */
export async function train(options: ReidTrainOptions): Promise<ReidTrainResult> {
  checkPositions('reid.train', arguments, 1);
  checkOptionsObject('reid.train', options ?? null);
  const { train: sets, test = [], preset, config: file, callbacks = [], ...rest } = options;
  const { resume, override = false, signal, ...values } = rest;
  const { givenOptions, withDefaults } = await import('../../train/config/resolve-config.ts');
  const given = givenOptions({ preset: preset as never, file, values: values as never }, REID_SPACE);
  const resolved = withDefaults(given, {}, REID_SPACE) as unknown as ReidTrainConfig;
  const config = { ...resolved, seed: resolved.seed ?? randomInt(1, 10_001) };
  const run = await prepareRun(config, {
    train: listOf('train', sets).map((set) => checkData('train', set)),
    test: listOf('test', test).map(testSetOf),
    goesOn: resume !== undefined && resume !== 'auto',
    callbacks: [callbacks].flat() as Callbacks[],
    signal,
  } satisfies RunInputs);
  const { trainer, ...parts } = run;
  const result = await trainer.fit({ resume, override, signal });
  run.loaded.model.eval();
  return { ...result, ...parts, config };
}

const listOf = <T>(name: string, value: T | readonly T[]): readonly T[] => {
  const list = Array.isArray(value) ? (value as readonly T[]) : [value as T];
  if (name === 'test' || list.length > 0) return list;
  throw new RangeError('Expected at least one data set for reid.train train, got none');
};

function testSetOf(set: ReidData | ReidTestSet): ReidTestSet {
  if (typeof set === 'object' && set !== null && 'data' in set) {
    checkData('test', set.data);
    return set;
  }
  return { name: checkData('test', set).name, data: set };
}

function checkData(name: string, set: ReidData): ReidData {
  if (Array.isArray(set?.train) && Array.isArray(set.query) && Array.isArray(set.gallery)) return set;
  throw new TypeError(`Expected what reid.loadData gives for reid.train ${name}, got ${describeValue(set)}`);
}
