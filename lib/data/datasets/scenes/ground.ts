import { type Bitmap, resample } from './bitmap.ts';
import type { GroundPlan } from './plan.ts';

/** What a scene stands on, as it is before anything is in it. */
export function paintGround(
  plan: GroundPlan,
  horizon: number,
  photographs: readonly Bitmap[],
  { width, height }: { readonly width: number; readonly height: number },
): Float32Array {
  if (!('photograph' in plan)) return twoColours(plan, Math.round(horizon * height), width, height);
  const photograph = photographs[plan.photograph] as Bitmap;
  const most = Math.min(photograph.width / width, photograph.height / height);
  const scale = 1 + plan.zoom * (most - 1); // from its own pixels to as much of it as there is
  const part = { width: scale * width, height: scale * height };
  const left = plan.x * (photograph.width - part.width);
  const top = plan.y * (photograph.height - part.height);
  return Float32Array.from(resample(photograph, { ...part, left, top }, width, height).data);
}

function twoColours(
  { sky, earth }: { readonly sky: readonly number[]; readonly earth: readonly number[] },
  horizon: number,
  width: number,
  height: number,
): Float32Array {
  const result = new Float32Array(3 * width * height);
  for (let at = 0; at < width * height; at++) result.set(at < horizon * width ? sky : earth, 3 * at);
  return result;
}
