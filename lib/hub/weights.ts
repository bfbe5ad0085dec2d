import { IMAGENET_CLASSES, transforms } from '../data/index.ts';
import { HubError } from '../errors.ts';
import { listModels, type Preprocessing, type PublishedWeights, publishedWeights } from '../models/index.ts';
import { checkPositions, checkText, suggestion } from '../options.ts';
import { checkpointPath } from './cache.ts';

/** Models that have published weights. */
export function pretrainedModels(): string[] {
  checkPositions('pretrainedModels', arguments, 0);
  return Object.keys(publishedWeights);
}

/** Published weights of a model, with what is needed to use them. */
export interface Weights extends Omit<PublishedWeights, 'classes'> {
  readonly model: string;
  /** Where the file is fetched from: the release, or the mirror in `IBN_NET_CHECKPOINT_BASE_URL`. */
  readonly url: string;
  /** Where torch.hub's cache has the file once it has been fetched. */
  readonly path: string;
  /** Names of ImageNet's 1,000 classes, in the order of the model's outputs. */
  readonly classes: readonly string[];
  /** What turns a decoded image into the model's input, without the batch dimension: (3, 224, 224). */
  transforms(): transforms.Compose;
}

/**
 * The published weights of a model: file, address, published errors, preprocessing and classes.
 *
 * @throws RangeError for an unknown model; HubError `ERR_HUB_NO_WEIGHTS` for one without weights, naming those with.
 * @example
 * const weights = hub.weights('resnet50_ibn_a');
 * const model = (await hub.load('XingangPan/IBN-Net', 'resnet50_ibn_a', { pretrained: true })).eval();
 * const x = weights.transforms().forward(await decodeImage('photo.jpg')).unsqueeze(0); // (1, 3, 224, 224)
 * weights.classes[Number(noGrad(() => model.forward(x)).argmax(1).item())];
 * weights.error; // { top1: 22.54, top5: 6.32 }, of the README
 * weights.releasedError; // { top1: 22.76, top5: 6.41 }, of the file itself
 */
export function weights(model: string): Weights {
  checkPositions('weights', arguments, 1);
  checkText('weights', 'the name of a model', model);
  const published = findWeights(model);
  if (published === undefined) {
    if (listModels().includes(model)) throw noWeights(`Expected a model with weights, got ${model}`);
    throw new RangeError(`Unknown model "${model}"${suggestion(model, pretrainedModels(), 'models')}`);
  }
  return {
    ...published,
    model,
    url: weightsUrl(published),
    path: checkpointPath(published.file),
    classes: IMAGENET_CLASSES,
    transforms: () => transformsOf(published.preprocessing),
  };
}

function transformsOf({ resize, crop, interpolation, mean, std }: Preprocessing): transforms.Compose {
  return new transforms.Compose([
    new transforms.Resize(resize, { interpolation }),
    new transforms.CenterCrop(crop),
    new transforms.ToTensor(),
    new transforms.Normalize(mean, std),
  ]);
}

/** What was published for a model, or undefined where nothing was. */
export function findWeights(model: string): PublishedWeights | undefined {
  return Object.hasOwn(publishedWeights, model) ? publishedWeights[model] : undefined;
}

/** The error for weights that do not exist; names the models that have some. */
export function noWeights(message: string): HubError {
  const names = pretrainedModels().join(', ');
  return new HubError(`${message}; weights were published for ${names}`, { code: 'ERR_HUB_NO_WEIGHTS' });
}

function weightsUrl({ file, baseUrl }: PublishedWeights): string {
  const base = process.env.IBN_NET_CHECKPOINT_BASE_URL || baseUrl;
  const folder = base.endsWith('/') ? base : `${base}/`;
  if (/^https?:/.test(folder) && URL.canParse(file, folder)) return new URL(file, folder).href;
  throw new HubError(`Expected an http or https URL for IBN_NET_CHECKPOINT_BASE_URL, got "${base}"`, {
    code: 'ERR_HUB_URL',
  });
}
