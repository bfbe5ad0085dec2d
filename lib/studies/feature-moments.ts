import { createFeatureExtractor, type FeatureModel } from '../models/index.ts';
import { checkAsyncIterable, checkPositions, describeValue } from '../options.ts';
import { inferenceMode, scope, type Tensor } from '../tensor/index.ts';
import { ChannelMoments } from './moments.ts';

function checkFeatures(owner: string, model: FeatureModel): void {
  if (Array.isArray(model?.featureInfo) && typeof model.namedModules === 'function') return;
  const got = describeValue(model);
  throw new TypeError(
    `Expected a network with features, such as models.resnet50_ibn_a(), for ${owner}, got ${got}`,
  );
}

/**
 * The features of a network by depth: the stem and every residual block, 17 for ResNet-50; its stages where it has no
 * residual blocks.
 */
export function depthFeatures(model: FeatureModel): string[] {
  checkPositions('depthFeatures', arguments, 1);
  checkFeatures('depthFeatures', model);
  const named = new Map(model.namedModules());
  return model.featureInfo.flatMap(({ name }) => {
    const blocks = /^layer\d$/.test(name) ? (named.get(name)?.children().length ?? 0) : 0;
    return blocks === 0 ? [name] : Array.from({ length: blocks }, (_, block) => `${name}.${block}`);
  });
}

/**
 * Means and variances, over images, of each channel's spatial mean, for each of the named features. The features of residual
 * networks are those behind the ReLU. Batches are disposed.
 *
 * @param model in evaluation mode
 * @param names as `models.createFeatureExtractor` takes them. Default {@link depthFeatures}
 */
export async function featureMoments(
  model: FeatureModel,
  batches: AsyncIterable<Tensor> | Iterable<Tensor>,
  names?: readonly string[],
): Promise<Map<string, ChannelMoments>> {
  checkPositions('featureMoments', arguments, 3);
  checkFeatures('featureMoments', model);
  checkAsyncIterable('featureMoments argument "batches"', 'an iterable of images', batches);
  if (model.training)
    throw new RangeError('Expected a network in evaluation mode for featureMoments; call model.eval()');
  const wanted = names ?? depthFeatures(model);
  const extractor = createFeatureExtractor(model, wanted);
  const moments = new Map(
    extractor.featureInfo.map(({ name, channels }) => [name, new ChannelMoments(channels)]),
  );
  for await (const batch of batches) {
    inferenceMode(() =>
      scope(() => {
        const maps = extractor.forward(batch);
        for (const name of wanted) addMeans(moments.get(name) as ChannelMoments, maps[name] as Tensor);
      }),
    );
    batch.dispose();
  }
  return moments;
}

/** The mean of each channel of each image, in double precision. */
function addMeans(moments: ChannelMoments, map: Tensor): void {
  const means = map.to('float64').mean([2, 3]).to('cpu').contiguous();
  const values = means.data() as Float64Array;
  for (let image = 0; image < (map.shape[0] as number); image++)
    moments.add(values.subarray(image * moments.channels, (image + 1) * moments.channels));
}
