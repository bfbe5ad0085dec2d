import { scope, type Tensor } from '../../tensor/index.ts';
import { Transform } from './transform.ts';

/**
 * Transforms one after another. What arises between them is freed at once.
 *
 * @example
 * const prepare = new Compose([new Resize(256), new CenterCrop(224), new ToTensor()]);
 * const x = prepare.forward(image); // (3, 224, 224), float32 in [0, 1]
 */
export class Compose extends Transform {
  readonly transforms: readonly Transform[];
  constructor(transforms: readonly Transform[]) {
    super();
    this.transforms = [...transforms];
  }

  forward(image: Tensor): Tensor {
    return scope(() => this.transforms.reduce((current, transform) => transform.forward(current), image));
  }

  override toString(): string {
    return `Compose(\n${this.transforms.map((transform) => `      ${transform}\n`).join('')})`;
  }
}
