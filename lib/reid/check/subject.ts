import type { Module } from '../../nn/index.ts';
import { noGrad, ops, scope, stack, type Tensor } from '../../tensor/index.ts';
import { withAnyPixels } from '../models/heads/pixels.ts';
import type { LoadedReID, ReIDModel } from '../models/index.ts';
import { type LayerMoments, momentsOf } from './moments.ts';

/** Images at once. */
const BATCH = 16;

/** What is examined. */
export interface Subject {
  readonly loaded: LoadedReID<ReIDModel>;
  /** `uint8` RGB (3, H, W). */
  readonly images: readonly Tensor[];
}

/** How a program may be different from this one. What is not given is as it should be. */
export interface Deviation {
  /** Prepares an image in place of `loaded.transform`. */
  readonly prepare?: (image: Tensor) => Tensor;
  /** Calls `use` with a network that is built otherwise, and puts it back. */
  readonly rebuilt?: <T>(use: (model: Module) => T) => T;
  /** Features of a batch, in place of the network's forward. */
  readonly features?: (model: Module, batch: Tensor) => Tensor;
  /** All images are one batch. */
  readonly isOneBatch?: boolean;
}

/** What a program with a deviation sees. */
export interface Observation {
  /** (N, D), float64 */
  readonly features: Tensor;
  readonly moments: readonly LayerMoments[];
}

/** Features (N, D) as a program with this deviation makes them, and what the layers got meanwhile. */
export function observe(subject: Subject, deviation: Deviation = {}): Observation {
  return onNetwork(subject, deviation, (model) => {
    let features: Tensor | undefined;
    const moments = momentsOf(model, () => {
      features = featuresOn(model, subject, deviation);
    });
    return { features: features as Tensor, moments };
  });
}

/** Features (N, D), float64, as a program with this deviation makes them. */
export function featuresWith(subject: Subject, deviation: Deviation): Tensor {
  return onNetwork(subject, deviation, (model) => featuresOn(model, subject, deviation));
}

function onNetwork<T>({ loaded }: Subject, { rebuilt }: Deviation, use: (model: Module) => T): T {
  return rebuilt === undefined ? use(loaded.model) : rebuilt(use);
}

function featuresOn(model: Module, { loaded, images }: Subject, deviation: Deviation): Tensor {
  const { prepare = (image) => loaded.transform.forward(image) } = deviation;
  const forward = deviation.features ?? ((network, batch) => network.forward(batch) as Tensor);
  const size = deviation.isOneBatch ? images.length : BATCH;
  return scope(() => {
    const parts: Tensor[] = [];
    for (let at = 0; at < images.length; at += size) {
      const some = images.slice(at, at + size);
      parts.push(featuresOf(model, some, prepare, forward));
    }
    return ops.aten.cat(parts, 0);
  });
}

function featuresOf(
  model: Module,
  images: readonly Tensor[],
  prepare: (image: Tensor) => Tensor,
  forward: (model: Module, batch: Tensor) => Tensor,
): Tensor {
  return noGrad(() =>
    scope(() => {
      const device = model.parameters()[0]?.device ?? 'cpu';
      const batch = stack(images.map(prepare)).to(device);
      return withAnyPixels(() => forward(model, batch))
        .to('cpu')
        .to('float64')
        .contiguous();
    }),
  );
}
