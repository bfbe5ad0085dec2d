import { fetchFile } from '../../hub/fetch.ts';
import { weights } from '../../hub/weights.ts';
import * as segment from '../../segment/index.ts';
import { describeFile } from '../recipe.ts';
import { inOrder } from '../train/run-network.ts';
import type { SegmentConfig } from './space.ts';

/** The network that a run trains. */
export interface SegmentRunNetwork {
  readonly model: segment.Segmenter;
  readonly arch: string;
  /** With what it is built again, the number of classes aside. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What it begins with, in words. */
  readonly begins: string;
}

/** Builds the network, and gives it the weights that it begins with, where the run does not go on from a file. */
export async function segmentRunNetwork(
  config: SegmentConfig,
  numClasses: number,
  isResumed: boolean,
): Promise<SegmentRunNetwork> {
  const { model: arch, modelOptions = {}, pretrained, checkpoint } = config;
  if (pretrained && checkpoint !== undefined)
    throw new RangeError('Expected --pretrained or --checkpoint, got both; leave one out');
  const { numClasses: _, ...options } = inOrder(modelOptions);
  const model = segment.create(arch, { ...options, numClasses });
  const built = { model, arch, options };
  if (isResumed) return { ...built, begins: 'new weights' };
  if (pretrained) return { ...built, begins: await beginWithImageNet(model, arch, config) };
  return {
    ...built,
    begins: checkpoint === undefined ? 'new weights' : beginWith(model, checkpoint, config),
  };
}

async function beginWithImageNet(
  model: segment.Segmenter,
  arch: string,
  { splitNorms = false }: SegmentConfig,
): Promise<string> {
  const backbone = arch.split('/')[1] as string;
  segment.loadBackbone(model, await fetchFile(weights(backbone).url), { splitNorms });
  return `the published ImageNet weights of ${backbone}`;
}

/** Scores of other classes are new; else everything must fit. */
function beginWith(model: segment.Segmenter, file: string, { splitNorms = false }: SegmentConfig): string {
  const keys = [...describeFile(file).shapes.keys()];
  const isWhole = keys.some((key) => /(aspp\.features|classifier\.4|classifier\.0\.convs)\./.test(key));
  if (!isWhole) {
    segment.loadBackbone(model, file, { splitNorms });
    return `the backbone of ${file}`;
  }
  const loaded = segment.load(file);
  const isScore = /^((aux_)?classifier\.4|final2\.0|dsn\.4)\./;
  const state = new Map([...loaded.model.stateDict()]);
  model.loadStateDict(
    state,
    loaded.numClasses === model.numClasses ? {} : { ignoreMismatched: scoreKeys(state, isScore) },
  );
  loaded.model.dispose();
  const isSame = loaded.numClasses === model.numClasses;
  return isSame ? file : `${file}, with new scores (${model.numClasses} classes for ${loaded.numClasses})`;
}

const scoreKeys = (state: ReadonlyMap<string, unknown>, isScore: RegExp): string[] =>
  [...state.keys()].filter((key) => isScore.test(key));
