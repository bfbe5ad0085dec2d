import { Compose, IMAGENET_MEAN, IMAGENET_STD, Normalize, ToTensor } from '../../data/transforms/index.ts';
import type { SegmentLayout } from './layouts/finding.ts';
import type { Segmenter } from './segmenter.ts';

/** What is known of a loaded network. */
export type LoadedFields = Omit<LoadedSegmenter, 'transform' | 'toString'>;

/** A network from a file, with how its images are prepared. */
export class LoadedSegmenter {
  /** The network, in evaluation mode. */
  readonly model: Segmenter;
  /** As `segment.create` takes it, such as `deeplabv3plus/resnet50_ibn_b`. */
  readonly name: string;
  /** Whose file it is. */
  readonly layout: SegmentLayout;
  /** The options it was built with. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What no file tells and was taken as the published code has it; `options` of `load` change it. */
  readonly assumed: readonly string[];
  readonly numClasses: number;
  /** What the classes are called, where the file says so. */
  readonly classes: readonly string[] | undefined;
  /** Keys of the file that the network has no use for. */
  readonly unusedKeys: readonly string[];
  /** Makes of a `uint8` RGB image what the network takes: [0, 1], ImageNet's mean and deviation taken off. */
  readonly transform: Compose;

  constructor(fields: LoadedFields) {
    this.model = fields.model;
    this.name = fields.name;
    this.layout = fields.layout;
    this.options = fields.options;
    this.assumed = fields.assumed;
    this.numClasses = fields.numClasses;
    this.classes = fields.classes;
    this.unusedKeys = fields.unusedKeys;
    this.transform = new Compose([new ToTensor(), new Normalize(IMAGENET_MEAN, IMAGENET_STD)]);
  }

  /** What was found, in a sentence. */
  toString(): string {
    const assumed = this.assumed.length === 0 ? '' : `; assumed: ${this.assumed.join(', ')}`;
    return `${this.name} of ${this.layout}, ${this.numClasses} classes${assumed}`;
  }
}
