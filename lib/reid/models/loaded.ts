import {
  Compose,
  IMAGENET_MEAN,
  IMAGENET_STD,
  Normalize,
  Resize,
  ToDtype,
  ToTensor,
} from '../../data/transforms/index.ts';
import type { Module } from '../../nn/index.ts';
import { checkPositions, describeValue } from '../../options.ts';
import { checkChoice } from './checks.ts';
import type { ReIDLayout } from './layouts/finding.ts';

/** What is known of a loaded network; how its images are prepared follows from it. */
export type LoadedFields<M extends Module> = Omit<LoadedReID<M>, 'normalization' | 'transform' | 'toString'>;

/** A network from a file, with how its images are prepared. */
export class LoadedReID<M extends Module = Module> {
  /** The network, in evaluation mode. */
  readonly model: M;
  /** Whose file it is. */
  readonly layout: ReIDLayout;
  /** The network, such as `resnet50_ibn_a` or `SBS 50x ibn`. */
  readonly name: string;
  /** The options it was built with. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What no file tells and was taken as the published code has it; `options` of `load` change it. */
  readonly assumed: readonly string[];
  /** What its keys had in front in the file. */
  readonly prefix: string;
  /** Identities of the classifier in the file; undefined where it has none, and the network's own is new. */
  readonly numClasses: number | undefined;
  /** Keys of the file that the network has no use for. */
  readonly unusedKeys: readonly string[];
  /** Height and width that `transform` gives. */
  readonly size: readonly [number, number];
  /** Where mean and deviation are taken off: in the network, or before it by `transform`. */
  readonly normalization: 'inside' | 'outside';
  /**
   * Prepares a `uint8` RGB image as this network's own code does: resized (bicubic for fast-reid, else bilinear), then
   * pixels from 0 to 255 for fast-reid, whose networks normalise, else [0, 1] with ImageNet's mean and deviation taken off.
   */
  readonly transform: Compose;

  constructor(fields: LoadedFields<M>) {
    this.model = fields.model;
    this.layout = fields.layout;
    this.name = fields.name;
    this.options = fields.options;
    this.assumed = fields.assumed;
    this.prefix = fields.prefix;
    this.numClasses = fields.numClasses;
    this.unusedKeys = fields.unusedKeys;
    this.size = fields.size;
    this.normalization = fields.layout === 'fast-reid' ? 'inside' : 'outside';
    this.transform = reidTransform(this.normalization, fields.size);
  }

  /** What was found, in a sentence. */
  toString(): string {
    const head = this.numClasses === undefined ? 'no classifier' : `${this.numClasses} identities`;
    const assumed = this.assumed.length === 0 ? '' : `; assumed: ${this.assumed.join(', ')}`;
    const [height, width] = this.size;
    const where = this.normalization === 'inside' ? 'inside the network' : 'before the network';
    return `${this.name} of ${this.layout}, ${head}, images ${height}x${width} normalised ${where}${assumed}`;
  }
}

/** The preparation of images for evaluation. */
export function reidTransform(normalization: 'inside' | 'outside', size: readonly [number, number]): Compose {
  checkPositions('reidTransform', arguments, 2);
  checkChoice('reidTransform', 'normalization', normalization, ['inside', 'outside']);
  if (!Array.isArray(size) || size.length !== 2) {
    throw new TypeError(`Expected [height, width] for reidTransform size, got ${describeValue(size)}`);
  }
  const [height, width] = size;
  return normalization === 'inside'
    ? new Compose([new Resize([height, width], { interpolation: 'bicubic' }), new ToDtype('float32')])
    : new Compose([new Resize([height, width]), new ToTensor(), new Normalize(IMAGENET_MEAN, IMAGENET_STD)]);
}
