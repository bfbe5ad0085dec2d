import { checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { checkImage } from './functional/image.ts';
import { maskOf, type Sample } from './sample.ts';

export { imageSize, repr, roundHalfEven, type Size, sizePair } from './functional/image.ts';

/** One step of image preparation: what {@link Compose} and its like take. */
export abstract class Step {
  constructor() {
    checkPositions(new.target.name, arguments, 0);
  }

  abstract forward(input: never): unknown;

  /** What stands between the brackets when the step is printed: its fields, spelled as torchvision spells them. */
  extraRepr(): string {
    return Object.entries(this)
      .filter(([, value]) => isPrinted(value))
      .map(([name, value]) => `${toSnakeCase(name)}=${pyRepr(value)}`)
      .join(', ');
  }

  toString(): string {
    return `${this.constructor.name}(${this.extraRepr()})`;
  }
}

/**
 * A step of one image. Images are tensors of shape (..., C, H, W). `forward` leaves its input as it is and returns a
 * new tensor, or the input itself when there is nothing to do.
 */
export abstract class Transform extends Step {
  abstract override forward(image: Tensor): Tensor;
}

/**
 * A step of an image, or of an image and a mask together: `forward` takes a tensor, or an object with `image` and `mask`
 * whose other members pass through. Both get the same draw. Steps of colour leave masks alone; steps of place move them,
 * without mixing their values.
 *
 * To write one of your own say what is drawn (`makeParams`) and what it does to an image (`transform`) and, where it moves
 * pixels, to a mask (`transformMask`), as in torchvision's `v2.Transform` (0.28).
 *
 * @example
 * const flip = new transforms.RandomHorizontalFlip(1);
 * const both = flip.forward({ image, mask: ones([300, 400], { dtype: 'uint8' }), name: 'a.jpg' });
 */
export abstract class ImageTransform<Params = undefined> extends Transform {
  forward<Input extends Tensor | Sample>(input: Input): Input;
  forward(input: Tensor | Sample): Tensor | Sample {
    const name = this.constructor.name;
    checkPositions(`${name} forward`, arguments, 1);
    checkImage(isSample(input) ? input.image : input, name);
    if (!isSample(input)) return this.transform(input, this.makeParams(input));
    const params = this.makeParams(input.image);
    const image = this.transform(input.image, params);
    if (input.mask === undefined) return { ...input, image };
    return { ...input, image, mask: maskOf(input, (mask) => this.transformMask(mask, params)) };
  }

  /** Draws what one call needs. */
  makeParams(_image: Tensor): Params {
    return undefined as Params;
  }

  abstract transform(image: Tensor, params: Params): Tensor;

  /** What becomes of a mask (..., H, W), which comes with a dimension of channels. By default it stays. */
  transformMask(mask: Tensor, _params: Params): Tensor {
    return mask;
  }
}

/** Whether an input is an image with what belongs to it. */
export function isSample(input: Tensor | Sample): input is Sample {
  return typeof input === 'object' && input !== null && 'image' in input;
}

function isPrinted(value: unknown): boolean {
  return ['number', 'string', 'boolean'].includes(typeof value) || Array.isArray(value);
}

const toSnakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function pyRepr(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pyRepr).join(', ')}]`;
  return typeof value === 'boolean' ? pyBool(value) : String(value);
}

/** A number as Python prints a float (`1.0`, not `1`). */
export function pyFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** A boolean as Python prints it. */
export function pyBool(value: boolean): string {
  return value ? 'True' : 'False';
}
