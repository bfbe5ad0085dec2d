import { checkPositions, describeValue } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { callForeign, isOwnForward } from '../../tensor/own-code.ts';
import { temporaries } from '../../tensor/scope.ts';
import { Transform } from './transform.ts';

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
export class Compose extends Transform {
  readonly transforms: readonly Transform[];
  constructor(transforms: readonly Transform[]) {
    checkPositions('Compose', arguments, 1);
    super();
    checkTransforms(transforms);
    this.transforms = [...transforms];
  }

  forward(image: Tensor): Tensor {
    return temporaries(() =>
      this.transforms.reduce((current, transform) => apply(transform, current), image),
    );
  }

  override toString(): string {
    return `Compose(\n${this.transforms.map((transform) => `      ${transform}\n`).join('')})`;
  }
}

/** Transforms of other classes may keep what they see. */
function apply(transform: Transform, image: Tensor): Tensor {
  if (isOwnForward(transform.forward)) return transform.forward(image);
  return callForeign((current) => transform.forward(current), image);
}

function checkTransforms(transforms: unknown): void {
  if (!Array.isArray(transforms)) {
    throw new TypeError(
      `Expected an array of transforms for Compose, such as new Compose([new ToTensor()]), got ${describeValue(transforms)}`,
    );
  }
  for (let i = 0; i < transforms.length; i++) {
    if (typeof transforms[i]?.forward === 'function') continue;
    throw new TypeError(
      `Expected a transform with a forward for Compose [${i}], got ${describeValue(transforms[i])}`,
    );
  }
}
