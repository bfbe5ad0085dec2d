import { inSlices, type Sliced } from '../../data/image/pixels.ts';
import { fromBuffer, noGrad, scope } from '../../tensor/index.ts';
import type { LabelledSample } from './labelled-sample.ts';

/** Shares of pairs that a threshold takes for matches. */
export interface CurvePoint {
  readonly threshold: number;
  /** Of pairs of one identity. */
  readonly truePositives: number;
  /** Of pairs of two. */
  readonly falsePositives: number;
}

export interface Curve {
  readonly points: readonly CurvePoint[];
  readonly genuinePairs: number;
  readonly impostorPairs: number;
  readonly images: number;
  readonly identities: number;
}

const STEPS = 400;
const ROWS = 64;

/** The curve over cosines from -1 to 1, of all pairs but those of one identity and camera. Gives way to the event loop. */
export async function rocCurve(sample: LabelledSample): Promise<Curve> {
  return await inSlices(curveOf(sample));
}

function* curveOf({ features, width, ids, cameras }: LabelledSample): Sliced<Curve> {
  const images = ids.length;
  const [genuine, impostors] = [new Float64Array(STEPS + 1), new Float64Array(STEPS + 1)];
  for (let first = 0; first < images; first += ROWS) {
    const end = Math.min(images, first + ROWS);
    const rows = similarities(features, images, width, first, end);
    for (let a = first; a < end; a++) {
      for (let b = a + 1; b < images; b++) {
        const isGenuine = ids[a] === ids[b];
        if (isGenuine && cameras !== undefined && cameras[a] === cameras[b]) continue;
        const cosine = rows[(a - first) * images + b] as number;
        const step = Math.min(STEPS, Math.max(0, Math.floor(((cosine + 1) / 2) * STEPS)));
        const counts = isGenuine ? genuine : impostors;
        (counts[step] as number)++;
      }
    }
    yield;
  }
  return { ...pointsOf(genuine, impostors), images, identities: new Set(ids).size };
}

function similarities(
  features: Float32Array,
  images: number,
  width: number,
  first: number,
  end: number,
): Float32Array {
  return noGrad(() =>
    scope(() => {
      const all = fromBuffer(features, { shape: [images, width] });
      return all.slice(0, first, end).matmul(all.t()).data() as Float32Array;
    }),
  );
}

/** From the largest threshold down. */
function pointsOf(genuine: Float64Array, impostors: Float64Array) {
  const [genuinePairs, impostorPairs] = [sum(genuine), sum(impostors)];
  const points: CurvePoint[] = [];
  let [matches, mistakes] = [0, 0];
  for (let step = STEPS; step >= 0; step--) {
    matches += genuine[step] as number;
    mistakes += impostors[step] as number;
    points.push({
      threshold: (2 * step) / STEPS - 1,
      truePositives: genuinePairs === 0 ? 0 : matches / genuinePairs,
      falsePositives: impostorPairs === 0 ? 0 : mistakes / impostorPairs,
    });
  }
  return { points, genuinePairs, impostorPairs };
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
