import { checkOptions, checkPositions, describeValue, suggestion } from '../../options.ts';
import { Generator, noGrad, scope, Tensor } from '../../tensor/index.ts';
import type { Change } from './change.ts';
import { Draws } from './draws.ts';
import { compressed } from './jpeg.ts';
import { KINDS } from './kinds.ts';

/** Name of a corruption. */
export type Corruption = keyof typeof KINDS | 'jpeg_compression';

/** Names of all corruptions: ImageNet-C's, less `frost`, which needs photos of frost. */
export const CORRUPTIONS: readonly Corruption[] = [
  ...(Object.keys(KINDS) as (keyof typeof KINDS)[]),
  'jpeg_compression',
];

/** Options of {@link corrupt}. */
export interface CorruptOptions {
  /** Draws the random numbers. Default the default generator. */
  generator?: Generator | null;
}

/**
 * A corrupted copy of an image: noise, blur, weather, loss, with the settings of ImageNet-C (Hendrycks and Dietterich,
 * 2019), which were chosen for images of 224 x 224. Random numbers are not those of its published files, which are
 * saved as JPEG besides.
 *
 * @param image uint8 (3, H, W) or (1, H, W), on the CPU
 * @param severity 1 to 5
 * @throws TypeError for another dtype or kind of value, RangeError for another shape, name or severity
 * @example
 * const photo = randint(0, 256, [3, 32, 32], { dtype: 'uint8' });
 * const noisy = await corruptions.corrupt(photo, 'gaussian_noise', 3);
 */
export async function corrupt(
  image: Tensor,
  corruption: Corruption,
  severity: number,
  options: CorruptOptions = {},
): Promise<Tensor> {
  checkPositions('corrupt', arguments, 4);
  checkOptions('corrupt', options, ['generator']);
  check(image, corruption, severity, options);
  if (corruption === 'jpeg_compression') return await compressed(image, severity);
  const change = KINDS[corruption][severity - 1] as Change;
  const draws = new Draws(options.generator ?? null);
  return scope(() =>
    noGrad(() =>
      change(image.to('float32').div(255), draws).clamp(0, 1).mul(255).round().to('uint8').contiguous(),
    ),
  );
}

function check(
  image: Tensor,
  corruption: string,
  severity: number,
  { generator = null }: CorruptOptions,
): void {
  if (!(image instanceof Tensor))
    throw new TypeError(`Expected a Tensor for corrupt image, got ${describeValue(image)}`);
  if (image.dtype !== 'uint8') throw new TypeError(`Expected uint8 for corrupt image, got ${image.dtype}`);
  const [channels, height = 0, width = 0] = image.shape;
  const isImage = image.shape.length === 3 && (channels === 1 || channels === 3) && height > 1 && width > 1;
  if (!isImage) {
    throw new RangeError(
      `Expected (1, H, W) or (3, H, W) of at least 2 x 2 for corrupt image, got [${image.shape.join(', ')}]`,
    );
  }
  checkCorruption(corruption);
  if (!Number.isInteger(severity) || severity < 1 || severity > 5) {
    throw new RangeError(
      `Expected a whole number from 1 to 5 for corrupt severity, got ${describeValue(severity)}`,
    );
  }
  if (generator !== null && !(generator instanceof Generator)) {
    throw new TypeError(
      `Expected a Generator or null for corrupt generator, got ${describeValue(generator)}`,
    );
  }
}

function checkCorruption(name: string): void {
  if ((CORRUPTIONS as readonly string[]).includes(name)) return;
  const hint = suggestion(String(name), CORRUPTIONS, 'corruptions');
  throw new RangeError(`Expected a known corruption, got ${describeValue(name)}${hint}`);
}
