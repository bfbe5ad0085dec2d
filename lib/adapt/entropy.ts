import { checkPositions, describeValue } from '../options.ts';
import { Tensor } from '../tensor/index.ts';

/**
 * The mean entropy of predictions, in nats: of logits (N, C), or (N, C, H, W) for each pixel.
 *
 * @example
 * adapt.entropy(tensor([[0, 0]])).item(); // 0.6931...
 */
export function entropy(logits: Tensor): Tensor {
  checkPositions('entropy', arguments, 1);
  if (!(logits instanceof Tensor))
    throw new TypeError(`Expected a Tensor for entropy, got ${describeValue(logits)}`);
  if (logits.dim() < 2)
    throw new RangeError(`Expected logits (N, C, ...) for entropy, got [${logits.shape.join(', ')}]`);
  const logs = logits.logSoftmax(1);
  return logs.exp().mul(logs).sum(1).mean().neg();
}
