import { load, saveSafetensors, textsOf } from '../../checkpoint/index.ts';
import { CheckpointError } from '../../errors.ts';
import { isTensor, type Tensor } from '../../tensor/index.ts';

/** Features of images, as `reid extract` keeps them. */
export interface FeaturesFile {
  /** (N, D) */
  readonly features: Tensor;
  /** Paths below the folder. */
  readonly names: readonly string[];
  /** Of each image, where names said it. */
  readonly ids: readonly string[] | undefined;
  readonly cameras: readonly string[] | undefined;
  /** The network, how it was run. */
  readonly network: string;
}

const FORMAT = 'ibn-net reid features 1';

/** Writes features as safetensors: names, ids and cameras are JSON in the file's texts. */
export function saveFeatures(path: string, { features, names, ids, cameras, network }: FeaturesFile): void {
  saveSafetensors({ features }, path, {
    metadata: {
      format: FORMAT,
      network,
      names: JSON.stringify(names),
      ...(ids === undefined ? {} : { ids: JSON.stringify(ids) }),
      ...(cameras === undefined ? {} : { cameras: JSON.stringify(cameras) }),
    },
  });
}

/** @throws CheckpointError for another file */
export function readFeatures(path: string): FeaturesFile {
  const found: unknown = load(path);
  const stateDict = found instanceof Map ? found : new Map<string, unknown>();
  const texts = textsOf(stateDict);
  const features: unknown = stateDict.get('features');
  if (texts?.format !== FORMAT || !isTensor(features)) {
    throw new CheckpointError(
      `${path}: Expected features that "ibn-net reid extract" has written, got another file`,
      {
        code: 'ERR_REID_FEATURES',
        path,
      },
    );
  }
  const list = (name: string) =>
    texts[name] === undefined ? undefined : (JSON.parse(texts[name]) as string[]);
  return {
    features,
    names: list('names') as string[],
    ids: list('ids'),
    cameras: list('cameras'),
    network: texts.network as string,
  };
}
