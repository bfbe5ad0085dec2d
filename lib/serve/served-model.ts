import { Transform } from '../data/transforms/index.ts';
import { describeValue } from '../options.ts';
import type { Tensor } from '../tensor/index.ts';

/** A network as a server runs it; what `compile` and `loadCompiled` give is one. */
export interface ServedModel {
  /** Outputs (N, ...), float32 on the CPU, of a batch (N, C, H, W). The batch may be freed as soon as this returns. */
  run(x: Tensor, options?: { signal?: AbortSignal | undefined }): Promise<Tensor>;
  /** Ends it once its calls have ended. */
  close?(): Promise<void>;
  /** Counts, for metrics. */
  stats?(): { readonly batches: number; readonly images: number };
}

/** Images and batches of models, those before included. */
export class ModelFigures {
  #before = { images: 0, batches: 0 };

  of(model: ServedModel): { images: number; batches: number } {
    const { images, batches } = statsOf(model);
    return { images: this.#before.images + images, batches: this.#before.batches + batches };
  }

  /** Counts a model that goes. */
  add(model: ServedModel): void {
    this.#before = this.of(model);
  }
}

function statsOf(model: ServedModel): { images: number; batches: number } {
  try {
    return model.stats?.() ?? { images: 0, batches: 0 };
  } catch {
    return { images: 0, batches: 0 }; // it was closed meanwhile
  }
}

/** @throws TypeError where there is no network, or nothing that prepares its images */
export function checkServed(
  owner: string,
  { model, transform }: { model: ServedModel; transform: unknown },
): void {
  if (typeof model?.run !== 'function') {
    throw new TypeError(`Expected a compiled model for ${owner} model, got ${describeValue(model)}`);
  }
  if (transform instanceof Transform) return;
  throw new TypeError(`Expected a transform for ${owner} transform, got ${describeValue(transform)}`);
}
