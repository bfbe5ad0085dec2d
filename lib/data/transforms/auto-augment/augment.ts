import { checkFlag, checkOptions, checkPositions, describeValue } from '../../../options.ts';
import { scope, type Tensor, tensor } from '../../../tensor/index.ts';
import { dirichlet, randomFraction, randomInteger } from '../draw.ts';
import type { GridInterpolation } from '../functional/grid.ts';
import { atLeast, imageSize } from '../functional/image.ts';
import type { Fill } from '../functional/pad.ts';
import { checkInterpolation } from '../functional/resize.ts';
import { checkFill, type Sample } from '../sample.ts';
import { ImageTransform, isSample } from '../transform.ts';
import { type OperationName, operate } from './operations.ts';
import { type AutoAugmentPolicy, POLICIES } from './policies.ts';
import {
  AUG_MIX,
  AUG_MIX_PARTIAL,
  AUTO_AUGMENT,
  RAND_AUGMENT,
  randomMagnitude,
  randomOperation,
  type Space,
  TRIVIAL_AUGMENT,
} from './spaces.ts';

/** Options that all automatic policies have. */
export interface AutoAugmentBaseOptions {
  /** Of operations that move pixels. Default `'nearest'`; `'bilinear'` for {@link AugMix}. */
  interpolation?: GridInterpolation;
  /** The value of pixels from outside the image. Default null: black. */
  fill?: Fill;
}

/** Policies that choose operations at random. They move pixels as well as colours, and have no form for masks. */
abstract class AutoAugmentBase extends ImageTransform {
  readonly interpolation: GridInterpolation;
  readonly fill: Fill;

  constructor({ interpolation = 'nearest', fill = null }: AutoAugmentBaseOptions) {
    super();
    checkInterpolation(interpolation, ['nearest', 'bilinear'], new.target.name);
    checkFill(fill, new.target.name);
    this.interpolation = interpolation;
    this.fill = fill;
  }

  override forward<Input extends Tensor | Sample>(input: Input): Input {
    checkPositions(`${this.constructor.name} forward`, arguments, 1);
    if (isSample(input) && input.mask !== undefined) {
      throw new TypeError(
        `Expected an image without a mask for ${this.constructor.name}, which has no form for masks, got both`,
      );
    }
    return super.forward(input);
  }

  protected operate(image: Tensor, name: OperationName, magnitude: number): Tensor {
    return operate(image, name, magnitude, { interpolation: this.interpolation, fill: this.fill });
  }
}

/** Options of {@link AutoAugment}. */
export interface AutoAugmentOptions extends AutoAugmentBaseOptions {
  /** Default `'imagenet'`. */
  policy?: AutoAugmentPolicy;
}

/**
 * AutoAugment (arxiv.org/abs/1805.09501): two operations, chosen from a learned policy, on a uint8 image
 * (..., 1 or 3, H, W). As torchvision's (0.28), with its draws.
 */
export class AutoAugment extends AutoAugmentBase {
  readonly policy: AutoAugmentPolicy;

  constructor(options: AutoAugmentOptions = {}) {
    checkPositions('AutoAugment', arguments, 1);
    checkOptions('AutoAugment', options, ['policy', 'interpolation', 'fill']);
    super(options);
    this.policy = options.policy ?? 'imagenet';
    if (Object.hasOwn(POLICIES, this.policy)) return;
    throw new RangeError(
      `Expected "imagenet", "cifar10" or "svhn" for AutoAugment policy, got ${describeValue(this.policy)}`,
    );
  }

  transform(image: Tensor): Tensor {
    const size = imageSize(image, 'AutoAugment');
    const pairs = POLICIES[this.policy];
    const rules = pairs[randomInteger(0, pairs.length)] as (typeof pairs)[number];
    return scope(() =>
      rules.reduce((current, [name, p, step]) => {
        if (randomFraction() > Math.fround(p)) return current;
        const magnitude = randomMagnitude(AUTO_AUGMENT, name, 10, size, () => step as number);
        return this.operate(current, name, magnitude);
      }, image),
    );
  }
}

/** Options of {@link RandAugment}. */
export interface RandAugmentOptions extends AutoAugmentBaseOptions {
  /** Operations on an image. Default 2. */
  numOps?: number;
  /** Step of the magnitude, of all operations. Default 9. */
  magnitude?: number;
  /** Steps that there are. Default 31. */
  numMagnitudeBins?: number;
}

/**
 * RandAugment (arxiv.org/abs/1909.13719): operations of one strength on a uint8 image (..., 1 or 3, H, W). As
 * torchvision's (0.28), with its draws.
 *
 * @example
 * new transforms.RandAugment({ numOps: 2, magnitude: 9 }).forward(image);
 */
export class RandAugment extends AutoAugmentBase {
  readonly numOps: number;
  readonly magnitude: number;
  readonly numMagnitudeBins: number;

  constructor(options: RandAugmentOptions = {}) {
    checkPositions('RandAugment', arguments, 1);
    checkOptions('RandAugment', options, [
      'numOps',
      'magnitude',
      'numMagnitudeBins',
      'interpolation',
      'fill',
    ]);
    super(options);
    this.numOps = integer(0, Infinity, options.numOps ?? 2, 'RandAugment numOps');
    this.numMagnitudeBins = integer(
      2,
      Infinity,
      options.numMagnitudeBins ?? 31,
      'RandAugment numMagnitudeBins',
    );
    const most = this.numMagnitudeBins - 1;
    this.magnitude = integer(0, most, options.magnitude ?? 9, 'RandAugment magnitude');
  }

  transform(image: Tensor): Tensor {
    const size = imageSize(image, 'RandAugment');
    return scope(() => {
      let current = image;
      for (let i = 0; i < this.numOps; i++) {
        const name = randomOperation(RAND_AUGMENT);
        const bins = this.numMagnitudeBins;
        const magnitude = randomMagnitude(RAND_AUGMENT, name, bins, size, () => this.magnitude);
        current = this.operate(current, name, magnitude);
      }
      return current;
    });
  }
}

/** Options of {@link TrivialAugmentWide}. */
export interface TrivialAugmentWideOptions extends AutoAugmentBaseOptions {
  /** Steps of magnitude that there are. Default 31. */
  numMagnitudeBins?: number;
}

/**
 * TrivialAugment, the wide one (arxiv.org/abs/2103.10158): one operation of random strength on a uint8 image
 * (..., 1 or 3, H, W). As torchvision's (0.28), with its draws.
 */
export class TrivialAugmentWide extends AutoAugmentBase {
  readonly numMagnitudeBins: number;

  constructor(options: TrivialAugmentWideOptions = {}) {
    checkPositions('TrivialAugmentWide', arguments, 1);
    checkOptions('TrivialAugmentWide', options, ['numMagnitudeBins', 'interpolation', 'fill']);
    super(options);
    const bins = options.numMagnitudeBins ?? 31;
    this.numMagnitudeBins = integer(2, Infinity, bins, 'TrivialAugmentWide numMagnitudeBins');
  }

  transform(image: Tensor): Tensor {
    const size = imageSize(image, 'TrivialAugmentWide');
    const name = randomOperation(TRIVIAL_AUGMENT);
    const bins = this.numMagnitudeBins;
    const magnitude = randomMagnitude(TRIVIAL_AUGMENT, name, bins, size, () => randomInteger(0, bins));
    return this.operate(image, name, magnitude);
  }
}

/** Options of {@link AugMix}. */
export interface AugMixOptions extends AutoAugmentBaseOptions {
  /** Strength, 1 to 10. Default 3. */
  severity?: number;
  /** Chains that are mixed. Default 3. */
  mixtureWidth?: number;
  /** Operations in a chain; 0 and below draw 1 to 3. Default -1. */
  chainDepth?: number;
  /** Of the distributions that weights are drawn from. Default 1. */
  alpha?: number;
  /** Operations of colour as well. Default true. */
  allOps?: boolean;
}

const AUG_MIX_BINS = 10;

/**
 * AugMix (arxiv.org/abs/1912.02781): a mixture of an image and chains of operations on it, of uint8 (..., 1 or 3, H, W). As
 * torchvision's (0.28), with its draws.
 */
export class AugMix extends AutoAugmentBase {
  readonly severity: number;
  readonly mixtureWidth: number;
  readonly chainDepth: number;
  readonly alpha: number;
  readonly allOps: boolean;

  constructor(options: AugMixOptions = {}) {
    checkPositions('AugMix', arguments, 1);
    const own = ['severity', 'mixtureWidth', 'chainDepth', 'alpha', 'allOps'];
    checkOptions('AugMix', options, [...own, 'interpolation', 'fill']);
    super({ interpolation: 'bilinear', ...options });
    this.severity = integer(1, AUG_MIX_BINS, options.severity ?? 3, 'AugMix severity');
    this.mixtureWidth = integer(1, Infinity, options.mixtureWidth ?? 3, 'AugMix mixtureWidth');
    this.chainDepth = integer(-Infinity, Infinity, options.chainDepth ?? -1, 'AugMix chainDepth');
    this.alpha = atLeast(Number.MIN_VALUE, options.alpha ?? 1, 'AugMix alpha');
    const { allOps = true } = options;
    checkFlag('AugMix allOps', allOps);
    this.allOps = allOps;
  }

  transform(image: Tensor): Tensor {
    const space = this.allOps ? AUG_MIX : AUG_MIX_PARTIAL;
    return scope(() => {
      const batch = image.dim() < 4 ? image.unsqueeze(0) : image;
      const count = batch.shape[0] as number;
      const perImage = [count, ...Array<number>(batch.dim() - 1).fill(1)];
      const share = this.weights(2, batch);
      const weights = this.weights(this.mixtureWidth, batch).mul(share.narrow(1, 1, 1));
      const mix = share.narrow(1, 0, 1).reshape(perImage).mul(batch);
      for (let i = 0; i < this.mixtureWidth; i++) {
        mix.add_(weights.narrow(1, i, 1).reshape(perImage).mul(this.chain(batch, space)));
      }
      return mix.reshape(image.shape).to(image.dtype);
    });
  }

  /** (N, `count`), each row adding up to 1. */
  private weights(count: number, batch: Tensor): Tensor {
    const concentration = tensor(Array<number>(count).fill(this.alpha), {
      dtype: 'float32',
      device: batch.device,
    });
    return dirichlet(concentration.expand([batch.shape[0] as number, -1]));
  }

  private chain(batch: Tensor, space: Space): Tensor {
    const size = imageSize(batch, 'AugMix');
    const depth = this.chainDepth > 0 ? this.chainDepth : randomInteger(1, 4);
    let current = batch;
    for (let i = 0; i < depth; i++) {
      const name = randomOperation(space);
      const step = () => randomInteger(0, this.severity);
      current = this.operate(current, name, randomMagnitude(space, name, AUG_MIX_BINS, size, step));
    }
    return current;
  }
}

function integer(least: number, most: number, value: number, name: string): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new RangeError(
    `Expected an integer${least === -Infinity ? '' : ` ${range}`} for ${name}, got ${describeValue(value)}`,
  );
}
