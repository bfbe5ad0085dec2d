import { checkPositions } from '../../options.ts';
import { isComplex, isFloatingPoint, noGrad, ops, type Tensor } from '../../tensor/index.ts';
import { demanded, UNIT } from '../checks.ts';

/** The new average of a parameter, from the present one, the model's parameter and how many models are averaged. */
export type AvgFn = (averaged: Tensor, current: Tensor, numAveraged: number) => Tensor;

/** Averages many parameters of one device and dtype in place. */
export type MultiAvgFn = (averaged: Tensor[], current: Tensor[], numAveraged: number) => void;

/**
 * Exponential moving average of one parameter: `decay` of the average stays.
 *
 * @param decay From 0 to 1. Default 0.999.
 */
export function getEmaAvgFn(decay = 0.999): AvgFn {
  checkPositions('getEmaAvgFn', arguments, 1);
  demanded('getEmaAvgFn', 'decay', decay, UNIT);
  return (averaged, current) => noGrad(() => averaged.mul(decay).add(current.mul(1 - decay)));
}

/** As {@link getEmaAvgFn}, for many parameters at once. */
export function getEmaMultiAvgFn(decay = 0.999): MultiAvgFn {
  checkPositions('getEmaMultiAvgFn', arguments, 1);
  const one = getEmaAvgFn(demanded('getEmaMultiAvgFn', 'decay', decay, UNIT));
  return (averaged, current, count) =>
    noGrad(() => {
      if (canLerp(averaged)) ops.aten._foreach_lerp_(averaged, current, 1 - decay);
      else copyEach(averaged, current, (a, c) => one(a, c, count));
    });
}

/** The mean of one parameter over all models so far. */
export function getSwaAvgFn(): AvgFn {
  checkPositions('getSwaAvgFn', arguments, 0);
  return (averaged, current, count) => noGrad(() => averaged.add(current.sub(averaged).div(count + 1)));
}

/** As {@link getSwaAvgFn}, for many parameters at once. */
export function getSwaMultiAvgFn(): MultiAvgFn {
  checkPositions('getSwaMultiAvgFn', arguments, 0);
  const one = getSwaAvgFn();
  return (averaged, current, count) =>
    noGrad(() => {
      // PyTorch counts in a tensor, whose reciprocal is float32.
      if (canLerp(averaged)) ops.aten._foreach_lerp_(averaged, current, Math.fround(1 / (count + 1)));
      else copyEach(averaged, current, (a, c) => one(a, c, count));
    });
}

/** Averages of numbers that have no fractions are computed apart. */
function canLerp([first]: readonly Tensor[]): boolean {
  return first !== undefined && (isFloatingPoint(first.dtype) || isComplex(first.dtype));
}

function copyEach(averaged: Tensor[], current: Tensor[], one: (a: Tensor, c: Tensor) => Tensor): void {
  for (const [i, a] of averaged.entries()) a.copy_(one(a, current[i] as Tensor));
}
