import type { Figures, TrainerOptions } from './trainer-options.ts';

/**
 * The figure that tells the best epoch, where it is better than `before`; else undefined. What is no number is no better.
 *
 * @throws TypeError where the evaluation gave no such figure
 */
export function betterFigure<Batch>(
  { best }: Pick<TrainerOptions<Batch>, 'best'>,
  val: Figures | undefined,
  before: number | undefined,
): number | undefined {
  if (best === undefined) return undefined;
  const value = val?.[best.figure];
  if (typeof value !== 'number') {
    throw new TypeError(
      `Expected a number "${best.figure}" from Trainer evaluate, got ${Object.keys(val ?? {}).join(', ') || 'nothing'}`,
    );
  }
  if (Number.isNaN(value)) return undefined;
  const isBetter = before === undefined || (best.mode === 'min' ? value < before : value > before);
  return isBetter ? value : undefined;
}
