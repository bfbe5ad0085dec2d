import { arange, linspace, scope, type Tensor } from '../../../tensor/index.ts';
import { randomFraction, randomInteger } from '../draw.ts';
import type { OperationName } from './operations.ts';

/** Magnitudes of an operation in steps, for images of a size. */
export interface Strength {
  readonly steps: (bins: number, height: number, width: number) => Tensor;
  /** Whether the magnitude is negative half of the time. */
  readonly isSigned: boolean;
}

/** Operations to choose from; null for those without a magnitude. The order is torchvision's, of which it draws. */
export type Space = Partial<Record<OperationName, Strength | null>>;

const upTo = (most: number, isSigned = true): Strength => ({
  steps: (bins) => linspace(0, most, bins),
  isSigned,
});
const ofWidth = (share: number): Strength => ({
  steps: (bins, _, width) => linspace(0, share * width, bins),
  isSigned: true,
});
const ofHeight = (share: number): Strength => ({
  steps: (bins, height) => linspace(0, share * height, bins),
  isSigned: true,
});
const fewerBits = (from: number, by: number): Strength => ({
  steps: (bins) =>
    arange(bins)
      .to('float32')
      .div((bins - 1) / by)
      .neg()
      .add(from)
      .round(),
  isSigned: false,
});
const solarize: Strength = { steps: (bins) => linspace(1, 0, bins), isSigned: false };
const colours = (most: number): Space => ({
  Brightness: upTo(most),
  Color: upTo(most),
  Contrast: upTo(most),
  Sharpness: upTo(most),
});

/** Of AutoAugment. */
export const AUTO_AUGMENT: Space = {
  ShearX: upTo(0.3),
  ShearY: upTo(0.3),
  TranslateX: ofWidth(150 / 331),
  TranslateY: ofHeight(150 / 331),
  Rotate: upTo(30),
  ...colours(0.9),
  Posterize: fewerBits(8, 4),
  Solarize: solarize,
  AutoContrast: null,
  Equalize: null,
  Invert: null,
};

const { Invert: _, ...withoutInvert } = AUTO_AUGMENT;

/** Of RandAugment. */
export const RAND_AUGMENT: Space = { Identity: null, ...withoutInvert };

/** Of TrivialAugment, the wide one. */
export const TRIVIAL_AUGMENT: Space = {
  Identity: null,
  ShearX: upTo(0.99),
  ShearY: upTo(0.99),
  TranslateX: upTo(32),
  TranslateY: upTo(32),
  Rotate: upTo(135),
  ...colours(0.99),
  Posterize: fewerBits(8, 6),
  Solarize: solarize,
  AutoContrast: null,
  Equalize: null,
};

/** Of AugMix without operations of colour. */
export const AUG_MIX_PARTIAL: Space = {
  ShearX: upTo(0.3),
  ShearY: upTo(0.3),
  TranslateX: { steps: (bins, _height, width) => linspace(0, width / 3, bins), isSigned: true },
  TranslateY: { steps: (bins, height) => linspace(0, height / 3, bins), isSigned: true },
  Rotate: upTo(30),
  Posterize: fewerBits(4, 4),
  Solarize: solarize,
  AutoContrast: null,
  Equalize: null,
};

/** Of AugMix. */
export const AUG_MIX: Space = { ...AUG_MIX_PARTIAL, ...colours(0.9) };

/** An operation, drawn from a space. */
export function randomOperation(space: Space): OperationName {
  const names = Object.keys(space) as OperationName[];
  return names[randomInteger(0, names.length)] as OperationName;
}

/** The magnitude of an operation at a step, or at one drawn by `step`, with its sign drawn; 0 where it has none. */
export function randomMagnitude(
  space: Space,
  name: OperationName,
  bins: number,
  [height, width]: readonly [number, number],
  step: () => number,
): number {
  const strength = space[name] ?? null;
  if (strength === null) return 0;
  const magnitude = scope(() => strength.steps(bins, height, width).select(0, step()).item() as number);
  return strength.isSigned && randomFraction() <= 0.5 ? -magnitude : magnitude;
}
