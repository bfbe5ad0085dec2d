import { checkFunction, checkPositions } from '../../options.ts';

let skipping = false;

/** Whether a `skipInit` is running. */
export const isSkippingInit = (): boolean => skipping;

/**
 * Builds modules without drawing random numbers, for weights that will be loaded right after. Parameters that
 * would have been drawn hold whatever was in memory; constant ones (norm layers) and buffers are set as usual.
 *
 * @example
 * const model = nn.utils.skipInit(() => models.resnet50_ibn_a());
 * model.loadStateDict(load('resnet50_ibn_a.pth'), { assign: true });
 */
export function skipInit<T>(build: () => T): T {
  checkPositions('skipInit', arguments, 1);
  checkFunction('skipInit', build);
  const before = skipping;
  skipping = true;
  try {
    return build();
  } finally {
    skipping = before;
  }
}
