import { fold, unfold } from '../functional/convolution.ts';
import { layerOf } from './define.ts';

/** The windows of a map as columns: (N, C, H, W) -> (N, C kH kW, windows). */
export class Unfold extends layerOf(unfold, (values, signature) =>
  signature.print(values, ['kernelSize', 'dilation', 'padding', 'stride']),
) {}
/** Adds columns up to a map of `outputSize`: (N, C kH kW, windows) -> (N, C, H, W). */
export class Fold extends layerOf(fold, (values, signature) =>
  signature.print(values, ['outputSize', 'kernelSize', 'dilation', 'padding', 'stride']),
) {}
