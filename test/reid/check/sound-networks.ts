import { fileURLToPath } from 'node:url';
import { decodeImage } from '../../../lib/data/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import * as reid from '../../../lib/reid/index.ts';
import { LoadedReID, reidTransform } from '../../../lib/reid/models/loaded.ts';
import {
  keep,
  manualSeed,
  noGrad,
  ops,
  rand,
  randn,
  scope,
  stack,
  type Tensor,
} from '../../../lib/tensor/index.ts';

export const SIZE = [128, 64] as const;

const PHOTOS = [
  'coffee-420.jpg',
  'astronaut-420-progressive.jpg',
  'rocket.jpg',
  'flower.jpg',
  'china.jpg',
  'chelsea.png',
];
const IMAGES = new URL('../../fixtures/images/', import.meta.url);

/** Upright cuttings of photographs, lighter and darker. */
export async function cuttings(count: number, seed: number): Promise<Tensor[]> {
  const photos: Tensor[] = [];
  for (const name of PHOTOS) photos.push(await decodeImage(fileURLToPath(new URL(name, IMAGES))));
  manualSeed(seed);
  const draws = rand([count, 6]).toArray() as number[][];
  return draws.map(([which = 0, scale = 0, ratio = 0, top = 0, left = 0, light = 0]) => {
    const photo = photos[Math.floor(which * photos.length)] as Tensor;
    const [, height, width] = photo.shape as [number, number, number];
    const h = Math.floor(height * (0.3 + 0.7 * scale));
    const w = Math.min(width, Math.floor(h * (0.4 + 0.4 * ratio)));
    const [y, x] = [Math.floor(top * (height - h + 1)), Math.floor(left * (width - w + 1))];
    const cut = photo.narrow(0, 0, 3).narrow(1, y, h).narrow(2, x, w).to('float32');
    return cut
      .mul(0.6 + 0.8 * light)
      .clamp(0, 255)
      .to('uint8');
  });
}

/** How a network is trained, where not as its own code does it. */
export interface Training {
  /** Prepares an image. */
  prepare?: (image: Tensor) => Tensor;
  /** Changes the network first. */
  build?: (model: reid.ReIDModel) => void;
}

export const isInside = (model: reid.ReIDModel): boolean => model instanceof reid.FastReID;

/** The network's own preparation at the size of these tests. */
export const transformOf = (model: reid.ReIDModel) =>
  reidTransform(isInside(model) ? 'inside' : 'outside', SIZE);

/**
 * A network whose weights are drawn and whose statistics are those of images: what training leaves in a file, as far as
 * statistics go.
 */
export function sound(
  build: () => reid.ReIDModel,
  images: readonly Tensor[],
  seed: number,
  training: Training = {},
): reid.ReIDModel {
  manualSeed(seed);
  const model = build();
  disturb(model);
  training.build?.(model);
  const transform = transformOf(model);
  const prepare = training.prepare ?? ((image: Tensor) => transform.forward(image));
  const norms = model
    .modules()
    .filter((part) => part instanceof nn.BatchNorm2d || part instanceof nn.BatchNorm1d);
  for (const norm of norms) norm.momentum = null; // the mean of all batches
  model.train();
  for (let at = 0; at < images.length; at += 16) {
    noGrad(() =>
      scope(() => {
        const batch = stack(images.slice(at, at + 16).map(prepare));
        model.forward(batch, ops.aten.zeros([batch.shape[0] as number], { dtype: 'int64' }));
      }),
    );
  }
  return model.eval();
}

/** Scales and shifts that training would have changed. */
function disturb(model: reid.ReIDModel): void {
  noGrad(() =>
    scope(() => {
      for (const [key, tensor] of model.namedParameters()) {
        if (tensor.dim() !== 1 || key.endsWith('.p')) continue;
        const isScale = key.endsWith('weight');
        ops.aten.copy_(
          tensor,
          isScale ? rand(tensor.shape).mul(0.5).add(0.75) : randn(tensor.shape).mul(0.2),
        );
      }
    }),
  );
}

/** As `reid.load` gives it. */
export function asLoaded(model: reid.ReIDModel): LoadedReID<reid.ReIDModel> {
  return new LoadedReID({
    ...{ model, layout: isInside(model) ? 'fast-reid' : 'reid-strong-baseline', name: 'a network' },
    ...{ options: {}, assumed: [], prefix: '', numClasses: 10, unusedKeys: [], size: SIZE },
  });
}

/** Features of length 1 as a program makes them that prepares images like this. */
export function featuresOf(
  model: reid.ReIDModel,
  images: readonly Tensor[],
  prepare: (image: Tensor) => Tensor = (image) => transformOf(model).forward(image),
): Tensor {
  return noGrad(() =>
    scope(() =>
      keep(nn.functional.normalize(model.forward(stack(images.map(prepare))) as Tensor, { dim: 1 })),
    ),
  );
}
