import { Complex } from '../ops/index.ts';
import type { Element } from './elements.ts';
import type { Tensor } from './tensor.ts';

/** The only element, for JavaScript's operators. */
export function toPrimitive(tensor: Tensor): number | bigint | boolean {
  if (tensor.numel() !== 1) {
    const shape = tensor.shape.join(', ');
    throw new TypeError(
      `Expected a tensor of one element in a JavaScript expression, got one of shape [${shape}]; call its methods ` +
        '(add, gt, ...), toArray() or toString()',
    );
  }
  const element = tensor.item<Element>();
  if (!(element instanceof Complex)) return element;
  throw new TypeError('Expected a real number in a JavaScript expression, got a complex tensor; call item()');
}
