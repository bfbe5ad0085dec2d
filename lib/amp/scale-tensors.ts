import { checkNumbers } from '../options.ts';
import { checkTensor } from '../tensor/check-tensor.ts';
import { type Device, ops, scope, type Tensor } from '../tensor/index.ts';

/** One number on `device`: 0, or 1 where any of the checks found something. */
export function combined(found: readonly Tensor[], device: Device): Tensor {
  return scope(() => {
    const here = found.map((one) => one.to({ device, nonBlocking: true }));
    return here.length === 1 ? (here[0] as Tensor).clone() : ops.aten.amax(ops.aten.stack(here));
  });
}

/** Fills the scale with a number, or a tensor of one element. */
export function setScale(scale: Tensor, newScale: number | Tensor): void {
  if (typeof newScale === 'number') {
    checkNumbers('GradScaler.update', { newScale });
    scale.fill_(newScale);
    return;
  }
  checkTensor('GradScaler.update', 'newScale', newScale);
  if (newScale.numel() !== 1 || newScale.requiresGrad) {
    throw new RangeError(
      'Expected a number or a tensor of one element that does not require grad for GradScaler.update, got ' +
        `a tensor of shape [${newScale.shape.join(', ')}]`,
    );
  }
  scope(() => scale.copy_(newScale.reshape([])));
}
