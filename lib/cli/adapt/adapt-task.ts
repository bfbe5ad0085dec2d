import type { Tensor } from '../../tensor/index.ts';
import type { ImageNetwork } from '../network/network-runner.ts';
import type { Views } from './target-images.ts';

/** Figures of a network on labelled images, in per cent. */
export type AdaptFigures = Readonly<Record<string, number>>;

/** What is adapted: a classifier, or a network for segmentation. */
export interface AdaptTask {
  readonly model: ImageNetwork;
  readonly name: string;
  readonly target: string;
  readonly views: Views;
  /** Those whose images have labels, and how many; undefined: none. */
  readonly test: { readonly name: string; readonly images: number } | undefined;
  /** Why there are no figures. */
  readonly noTest: string | undefined;
  /** On the images of `test`. */
  figures(): Promise<AdaptFigures>;
  /** Labelled images of the source, again and again; undefined: none. */
  source(): AsyncGenerator<[Tensor, Tensor], void, undefined> | undefined;
  /** What a checkpoint says besides the weights. */
  readonly extra: Readonly<Record<string, unknown>>;
}
