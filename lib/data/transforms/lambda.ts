import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { callForeign } from '../../tensor/own-code.ts';
import { maskOf, type Sample } from './sample.ts';
import { isSample, Step } from './transform.ts';

/** Options of {@link Lambda}. */
export interface LambdaOptions {
  /** What becomes of the mask of a sample. Default it stays. */
  mask?: (mask: Tensor) => Tensor;
}

/**
 * A function of your own as a step. Of a sample it gets the image.
 *
 * @example
 * const crops = new transforms.Compose([
 *   new transforms.FiveCrop(224),
 *   new transforms.Lambda((parts: Tensor[]) => stack(parts)), // (5, 3, 224, 224)
 * ]);
 */
export class Lambda<Input = Tensor> extends Step {
  readonly lambd: (input: Input) => Tensor;
  readonly #mask: ((mask: Tensor) => Tensor) | undefined;

  constructor(lambd: (input: Input) => Tensor, options: LambdaOptions = {}) {
    checkPositions('Lambda', arguments, 2);
    super();
    checkOptions('Lambda', options, ['mask']);
    checkFunction(lambd, 'lambd');
    if (options.mask !== undefined) checkFunction(options.mask, 'mask');
    this.lambd = lambd;
    this.#mask = options.mask;
  }

  override forward<Value extends Input | Sample>(input: Value): Value extends Sample ? Value : Tensor;
  override forward(input: Input | Sample): Tensor | Sample {
    checkPositions('Lambda forward', arguments, 1);
    if (!isSample(input as Tensor | Sample)) return callForeign(this.lambd, input as Input);
    const sample = input as Sample;
    const image = callForeign(this.lambd, sample.image as Input);
    const change = this.#mask;
    if (change === undefined || sample.mask === undefined) return { ...sample, image };
    return { ...sample, image, mask: maskOf(sample, (mask) => callForeign(change, mask)) };
  }

  override extraRepr(): string {
    return this.lambd.name;
  }
}

function checkFunction(value: unknown, name: string): void {
  if (typeof value === 'function') return;
  throw new TypeError(`Expected a function for Lambda ${name}, got ${describeValue(value)}`);
}
