import { fetchFile } from '../../hub/fetch.ts';
import { pretrainedModels, weights } from '../../hub/weights.ts';
import type { ReIDLayout } from '../models/layouts/finding.ts';
import { load, loadBackbone, type ReIDModel } from '../models/load.ts';
import { LoadedReID } from '../models/loaded.ts';
import { type CreateOptions, create } from '../models/registry.ts';
import type { ReidTrainConfig } from './presets.ts';

/** The network that a run trains, with how its images are prepared. Weights of a run that goes on come with the rest of it. */
export async function buildNetwork(
  config: ReidTrainConfig,
  numClasses: number,
  goesOn: boolean,
): Promise<LoadedReID<ReIDModel>> {
  const { model: name, pretrained, checkpoint } = config;
  if (name === 'fast-reid/mgn')
    throw new RangeError(
      'Expected a network with one head for reid.train, got fast-reid/mgn, which has eight',
    );
  if (pretrained !== undefined && checkpoint !== undefined)
    throw new RangeError('Expected pretrained or checkpoint for reid.train, got both; leave one out');
  if (checkpoint !== undefined && !goesOn) return fromFile(checkpoint, config, numClasses);
  const options = { ...config.modelOptions, ...lossOption(config), numClasses };
  const model = create(name, options as CreateOptions) as ReIDModel;
  if (pretrained !== undefined && !goesOn) loadBackbone(model, await backboneFile(pretrained, config));
  return new LoadedReID({
    ...{ model, layout: layoutOf(name), name, options, numClasses, size: sizeOf(config) },
    ...{ assumed: [], prefix: '', unusedKeys: [] },
  });
}

/** OSNet gives features in training where it is told to. */
function lossOption({ model, tripletWeight, centerWeight, circleWeight }: ReidTrainConfig): object {
  if (layoutOf(model) !== 'torchreid') return {};
  return { loss: tripletWeight + centerWeight + circleWeight > 0 ? 'triplet' : 'softmax' };
}

function fromFile(file: string, config: ReidTrainConfig, numClasses: number): LoadedReID<ReIDModel> {
  const options = { ...config.modelOptions, ...lossOption(config), numClasses };
  const loaded = load(file, { options, size: sizeOf(config) });
  const layout = layoutOf(config.model);
  if (loaded.layout === layout) return loaded;
  throw new RangeError(
    `Expected a file of ${layout} beside model ${config.model} for checkpoint, got ${loaded} in ${file}; pass the model it is of`,
  );
}

export function layoutOf(model: string): ReIDLayout {
  if (model.startsWith('strong-baseline/')) return 'reid-strong-baseline';
  return model.startsWith('fast-reid/') ? 'fast-reid' : 'torchreid';
}

function sizeOf({ size }: ReidTrainConfig): readonly [number, number] {
  const [height, width, ...rest] = size;
  if (height !== undefined && width !== undefined && rest.length === 0) return [height, width];
  throw new RangeError(`Expected height and width for reid.train size, got ${size.join(' ')}`);
}

async function backboneFile(pretrained: string, config: ReidTrainConfig): Promise<string> {
  if (pretrained !== 'hub') return pretrained;
  const name = backboneName(config);
  if (!pretrainedModels().includes(name)) {
    throw new RangeError(
      `Expected a backbone with weights published with IBN-Net for pretrained hub, got ${name}; pass a file`,
    );
  }
  return await fetchFile(weights(name).url);
}

/** As `hub` names it. */
function backboneName({ model, modelOptions = {} }: ReidTrainConfig): string {
  const { backbone = 'resnet', depth = '50x', withIbn, withSe } = modelOptions;
  if (layoutOf(model) !== 'fast-reid') return model.replace('strong-baseline/', '');
  return `${withSe ? 'se_' : ''}${backbone}${String(depth).replace('x', '')}${withIbn ? '_ibn_a' : ''}`;
}
