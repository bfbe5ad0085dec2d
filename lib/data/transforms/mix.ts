import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { ops, scope, Tensor, tensor } from '../../tensor/index.ts';
import { dirichlet, randomInteger } from './draw.ts';
import { atLeast } from './functional/image.ts';
import { Step } from './transform.ts';

/** Options of {@link MixUp} and {@link CutMix}. */
export interface MixOptions {
  /** Of the Beta distribution that shares are drawn from. Default 1. */
  alpha?: number;
  /** Classes that there are; needed for labels that are numbers of classes. */
  numClasses?: number;
}

/** Images (N, C, H, W) and labels: numbers of classes (N), or probabilities (N, classes). */
export type LabelledBatch = readonly [images: Tensor, labels: Tensor];

/** What mixes each sample of a batch with the one before it. */
abstract class Mix extends Step {
  readonly alpha: number;
  readonly numClasses: number | undefined;

  constructor(options: MixOptions) {
    super();
    checkOptions(new.target.name, options, ['alpha', 'numClasses']);
    this.alpha = atLeast(Number.MIN_VALUE, options.alpha ?? 1, `${new.target.name} alpha`);
    this.numClasses = options.numClasses;
    const { numClasses } = this;
    if (numClasses === undefined || (Number.isInteger(numClasses) && numClasses > 0)) return;
    throw new RangeError(
      `Expected a positive integer for ${new.target.name} numClasses, got ${describeValue(numClasses)}`,
    );
  }

  override forward(batch: LabelledBatch): [images: Tensor, labels: Tensor] {
    const { name } = this.constructor;
    checkPositions(`${name} forward`, arguments, 1);
    if (!Array.isArray(batch as unknown) || batch.length !== 2)
      throw new TypeError(`Expected [images, labels] for ${name}, got ${describeValue(batch)}`);
    const [images, labels] = batch;
    this.check(images, labels);
    return scope(() => {
      const share = dirichlet(tensor([[this.alpha, this.alpha]], { dtype: 'float32' }))
        .select(-1, 0)
        .item() as number;
      const [mixed, kept] = this.mix(images, share);
      return [mixed, this.mixLabels(labels, kept)];
    });
  }

  /** Mixed images, and how much of each is its own. */
  protected abstract mix(images: Tensor, share: number): [Tensor, number];

  private mixLabels(labels: Tensor, kept: number): Tensor {
    const classes = labels.dim() === 1 ? ops.aten.one_hot(labels, this.numClasses as number) : labels;
    const values = classes.isFloatingPoint() ? classes : classes.to('float32');
    return values
      .roll([1], [0])
      .mul_(1 - kept)
      .add_(values.mul(kept));
  }

  private check(images: Tensor, labels: Tensor): void {
    const name = this.constructor.name;
    for (const [what, value] of Object.entries({ images, labels })) {
      if (!(value instanceof Tensor)) {
        throw new TypeError(`Expected a Tensor for ${name} ${what}, got ${describeValue(value)}`);
      }
    }
    if (images.dim() !== 4 || images.shape[0] !== labels.shape[0]) {
      const got = `[${images.shape.join(', ')}] and [${labels.shape.join(', ')}]`;
      throw new RangeError(`Expected images (N, C, H, W) and N labels for ${name}, got ${got}`);
    }
    this.checkLabels(labels, name);
  }

  private checkLabels(labels: Tensor, name: string): void {
    const { numClasses } = this;
    if (labels.dim() === 1 && numClasses === undefined) {
      throw new TypeError(
        `Expected numClasses for ${name} with labels that are numbers of classes, got none`,
      );
    }
    if (labels.dim() === 1) return;
    if (labels.dim() === 2 && (numClasses === undefined || labels.shape[1] === numClasses)) return;
    const wanted = `[N] or [N, ${numClasses ?? 'classes'}]`;
    throw new RangeError(`Expected labels ${wanted} for ${name}, got [${labels.shape.join(', ')}]`);
  }
}

/**
 * Blends each image of a batch with the one before it, and their labels (arxiv.org/abs/1710.09412). As torchvision's
 * (0.28), with its draws. Shuffle the batch first: neighbours are mixed.
 *
 * @example
 * const mixUp = new transforms.MixUp({ alpha: 0.2, numClasses: 10 });
 * const [mixed, shares] = mixUp.forward([images, labels]); // (N, 3, 224, 224), (N, 10)
 */
export class MixUp extends Mix {
  constructor(options: MixOptions = {}) {
    checkPositions('MixUp', arguments, 1);
    super(options);
  }

  protected mix(images: Tensor, share: number): [Tensor, number] {
    if (!images.isFloatingPoint()) {
      throw new TypeError(
        `Expected floating point images for MixUp, got ${images.dtype}; put ToTensor before it`,
      );
    }
    return [
      images
        .roll([1], [0])
        .mul_(1 - share)
        .add_(images.mul(share)),
      share,
    ];
  }
}

/**
 * Puts a window of the image before into each image of a batch, and mixes their labels by its area
 * (arxiv.org/abs/1905.04899). As torchvision's (0.28), with its draws. Shuffle the batch first: neighbours are mixed.
 */
export class CutMix extends Mix {
  constructor(options: MixOptions = {}) {
    checkPositions('CutMix', arguments, 1);
    super(options);
  }

  protected mix(images: Tensor, share: number): [Tensor, number] {
    const [height, width] = images.shape.slice(-2) as [number, number];
    const [x, y] = [randomInteger(0, width), randomInteger(0, height)];
    const half = 0.5 * Math.sqrt(1 - share);
    const [across, down] = [Math.trunc(half * width), Math.trunc(half * height)];
    const [left, right] = [Math.max(x - across, 0), Math.min(x + across, width)];
    const [top, bottom] = [Math.max(y - down, 0), Math.min(y + down, height)];
    const mixed = images.clone();
    const window = (from: Tensor) => from.narrow(-2, top, bottom - top).narrow(-1, left, right - left);
    window(mixed).copy_(window(images.roll([1], [0])));
    return [mixed, 1 - ((right - left) * (bottom - top)) / (width * height)];
  }
}
