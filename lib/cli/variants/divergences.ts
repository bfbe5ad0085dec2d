import type { FeatureModel } from '../../models/index.ts';
import * as studies from '../../studies/index.ts';
import { scope, type Tensor, tensor } from '../../tensor/index.ts';
import type { VariantData } from './variant-data.ts';

/** Divergences by depth: null where all channels of a feature are dead. */
export interface RunDivergences {
  readonly features: readonly string[];
  /** Between images as they are and the first other domain; absent without one. */
  readonly appearance?: readonly (number | null)[];
  /** Between the first half of the classes and the second, in images as they are. */
  readonly content: readonly (number | null)[];
}

/** The paper's Fig. 5 for one network: how far apart domains and classes are, by depth. */
export async function divergencesOf(
  model: FeatureModel,
  { tests, classes }: VariantData,
  device: string,
): Promise<RunDivergences> {
  model.eval();
  const features = studies.depthFeatures(model);
  const [origin, other] = [...tests.values()];
  const half = Math.floor(classes.length / 2);
  const moments = async (batches: AsyncIterable<[Tensor, Tensor]>, isWanted: (label: number) => boolean) =>
    await studies.featureMoments(model, imagesOf(batches, isWanted, device), features);
  const between = (a: Map<string, studies.ChannelMoments>, b: Map<string, studies.ChannelMoments>) =>
    features.map((name) => studies.divergence(a.get(name) as never, b.get(name) as never).value);
  const all = await moments((origin as () => never)(), () => true);
  const first = await moments((origin as () => never)(), (label) => label < half);
  const second = await moments((origin as () => never)(), (label) => label >= half);
  const content = between(first, second);
  if (other === undefined) return { features, content };
  return { features, content, appearance: between(all, await moments(other(), () => true)) };
}

/** Images of wanted classes, batches without any left out. */
async function* imagesOf(
  batches: AsyncIterable<[Tensor, Tensor]>,
  isWanted: (label: number) => boolean,
  device: string,
): AsyncGenerator<Tensor> {
  for await (const [images, labels] of batches) {
    const wanted = labels.toArray<number[]>().flatMap((label, i) => (isWanted(Number(label)) ? [i] : []));
    const some = scope(() => images.indexSelect(0, tensor(wanted, { dtype: 'int64' })).to(device as 'cpu'));
    for (const each of [images, labels]) each.dispose();
    if (wanted.length > 0) yield some;
    else some.dispose();
  }
}
