import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { isTensor, type Tensor } from '../../tensor/index.ts';
import { callForeign, isOwnCode } from '../../tensor/own-code.ts';
import { temporaries } from '../../tensor/scope.ts';
import { isSpared, probability, randomIndex, randomOrder } from './draw.ts';
import { repr } from './functional/image.ts';
import type { Sample } from './sample.ts';
import { isSample, type Step, Transform } from './transform.ts';

/** What goes through steps: an image, an image with its mask, or several images (of `FiveCrop`, for `MixUp`). */
export type Input = Tensor | Sample | readonly Tensor[];

/** Steps that are applied in some way. */
abstract class Container extends Transform {
  readonly transforms: readonly Step[];

  constructor(transforms: readonly Step[], name: string) {
    super();
    checkSteps(transforms, name);
    this.transforms = [...transforms];
  }

  abstract override forward<Value extends Input>(input: Value): Value;

  /** Refuses what no step takes. */
  protected check(given: ArrayLike<unknown>): void {
    const { name } = this.constructor;
    checkPositions(`${name} forward`, given, 1);
    const input = given[0];
    if (isTensor(input) || Array.isArray(input) || isSample(input as Tensor)) return;
    throw new TypeError(
      `Expected an image, { image, mask } or an array of tensors for ${name}, got ${describeValue(input)}`,
    );
  }

  override toString(): string {
    return `${this.constructor.name}(\n${this.transforms.map((step) => `      ${step}\n`).join('')})`;
  }
}

/**
 * Transforms one after another. What arises between them is freed at once.
 *
 * @example
 * const prepare = new transforms.Compose([
 *   new transforms.Resize(256),
 *   new transforms.CenterCrop(224),
 *   new transforms.ToTensor(),
 * ]);
 * const x = prepare.forward(image); // (3, 224, 224), float32 in [0, 1]
 */
export class Compose extends Container {
  constructor(transforms: readonly Step[]) {
    checkPositions('Compose', arguments, 1);
    super(transforms, 'Compose');
  }

  forward<Value extends Input>(input: Value): Value {
    this.check(arguments);
    return inTurn(this.transforms, input);
  }
}

/** Options of {@link RandomApply}. */
export interface RandomApplyOptions {
  /** Probability. Default 0.5. */
  p?: number;
}

/** All of the transforms, one after another, or none. As torchvision's (0.28). */
export class RandomApply extends Container {
  readonly p: number;

  constructor(transforms: readonly Step[], options: RandomApplyOptions = {}) {
    checkPositions('RandomApply', arguments, 2);
    checkOptions('RandomApply', options, ['p']);
    super(transforms, 'RandomApply');
    this.p = probability(options.p ?? 0.5, 'RandomApply');
  }

  forward<Value extends Input>(input: Value): Value {
    this.check(arguments);
    return isSpared(this.p) ? input : inTurn(this.transforms, input);
  }
}

/** Options of {@link RandomChoice}. */
export interface RandomChoiceOptions {
  /** A weight for each transform. Default all alike. */
  p?: readonly number[];
}

/** One of the transforms. As torchvision's (0.28). */
export class RandomChoice extends Container {
  readonly p: readonly number[];

  constructor(transforms: readonly Step[], options: RandomChoiceOptions = {}) {
    checkPositions('RandomChoice', arguments, 2);
    checkOptions('RandomChoice', options, ['p']);
    super(transforms, 'RandomChoice');
    const weights = options.p ?? this.transforms.map(() => 1);
    checkWeights(weights, this.transforms.length);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    this.p = weights.map((weight) => weight / total);
  }

  forward<Value extends Input>(input: Value): Value {
    this.check(arguments);
    return inTurn([this.transforms[randomIndex(this.p)] as Step], input);
  }
}

/** All of the transforms, in a random order. As torchvision's (0.28). */
export class RandomOrder extends Container {
  constructor(transforms: readonly Step[]) {
    checkPositions('RandomOrder', arguments, 1);
    super(transforms, 'RandomOrder');
  }

  forward<Value extends Input>(input: Value): Value {
    this.check(arguments);
    const order = randomOrder(this.transforms.length);
    return inTurn(
      order.map((index) => this.transforms[index] as Step),
      input,
    );
  }
}

function inTurn<Value extends Input>(steps: readonly Step[], input: Value): Value {
  return temporaries(() => steps.reduce<Value>((current, step) => apply(step, current), input));
}

/** Transforms of other classes may keep what they see. */
function apply<Value extends Input>(step: Step, input: Value): Value {
  const forward = (value: Value) => (step.forward as (value: Value) => unknown).call(step, value) as Value;
  return isOwnCode(step) ? forward(input) : callForeign(forward, input);
}

function checkSteps(transforms: unknown, name: string): void {
  if (!Array.isArray(transforms)) {
    throw new TypeError(
      `Expected an array of transforms for ${name}, such as new ${name}([new ToTensor()]), got ${describeValue(transforms)}`,
    );
  }
  for (let i = 0; i < transforms.length; i++) {
    if (typeof transforms[i]?.forward === 'function') continue;
    throw new TypeError(
      `Expected a transform with a forward for ${name} [${i}], got ${describeValue(transforms[i])}`,
    );
  }
  if (transforms.length > 0 || name === 'Compose') return;
  throw new RangeError(`Expected at least one transform for ${name}, got none`);
}

function checkWeights(weights: readonly number[], count: number): void {
  const fits = Array.isArray(weights) && weights.length === count;
  if (fits && weights.every((weight) => weight >= 0) && weights.some((weight) => weight > 0)) return;
  throw new RangeError(
    `Expected ${count} numbers of at least 0, not all 0, for RandomChoice p, got ${repr(weights)}`,
  );
}
