import type { transforms } from '../../data/index.ts';
import type { ServedModel } from '../served-model.ts';

/** A Re-ID network as a server runs it. */
export interface ServedReID {
  /** What `GET /model` calls it. */
  readonly name: string;
  /** Features (1, D) of an image. */
  readonly model: ServedModel;
  /** Makes a decoded image, `uint8` (3, H, W), what the network takes: `transform` of what `reid.load` gives. */
  readonly transform: transforms.Transform;
  /** More for `GET /model`; what JSON can say. */
  readonly about?: Readonly<Record<string, unknown>>;
}
