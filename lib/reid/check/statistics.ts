import type { Finding } from './findings.ts';
import { Misfit } from './misfit.ts';
import { type Observation, observe, type Subject } from './subject.ts';
import type { Suspect } from './suspect.ts';

/** Fewer images cannot be mixed to what training saw. */
const LEAST_IMAGES = 8;
/** How many layers, from the first that a suspect changes on: later ones blur it. */
const LAYERS = 8;
/** A suspect that fits so much better is guilty, one that fits so much worse is excluded. */
const BETTER = 1.25;
/** Mean square, in deviations of training, above which a layer gets something else. */
const UNLIKE = 1;

/** What running means and variances of the file tell of what its training did. */
export interface StatisticsReport {
  readonly findings: readonly Finding[];
  readonly excluded: readonly string[];
  readonly unclear: readonly string[];
}

/**
 * Compares what layers of batch normalisation get from these images with their statistics of training, as the network is
 * loaded and for each suspect. One that fits clearly better is what training did.
 */
export function checkStatistics(
  subject: Subject,
  own: Observation,
  suspects: readonly Suspect[],
): StatisticsReport {
  const { images } = subject;
  const reason = reasonAgainst(own, images.length);
  if (reason !== undefined) return { findings: [], excluded: [], unclear: [reason] };
  const sound = remaindersOf(own);
  const judged = suspects
    .filter(({ showsInStatistics }) => showsInStatistics)
    .map((suspect) => ({ suspect, ratio: ratioOf(sound, remaindersOf(observe(subject, suspect))) }));
  const findings = guilty(judged, images.length);
  const excluded = judged
    .filter(({ ratio }) => ratio < 1 / BETTER)
    .map(({ suspect }) => `training ${suspect.what}`);
  const open = judged.filter(({ ratio }) => ratio >= 1 / BETTER && ratio <= BETTER);
  return {
    findings: findings.length > 0 ? findings : unlike(sound),
    excluded,
    unclear: open.map(
      ({ suspect, ratio }) =>
        `whether training ${suspect.what}: it fits the running statistics ${ratio.toFixed(2)} times as well, which these images do not decide`,
    ),
  };
}

function reasonAgainst({ moments }: Observation, images: number): string | undefined {
  if (moments.length === 0)
    return 'what training did: the network has no statistics of batch normalisation to compare with';
  if (images >= LEAST_IMAGES) return undefined;
  return `what training did: running statistics are compared with ${LEAST_IMAGES} images or more, got ${images}`;
}

/** Layers that see one number of each image tell images, not faults. */
function remaindersOf({ moments }: Observation): Map<string, number> {
  const maps = moments.filter(({ means, squares }) =>
    squares.some((value, i) => value > (means[i] as number) ** 2 + 1e-9),
  );
  return new Misfit(maps).remainders();
}

/** How much better another way fits: the geometric mean over the first layers that it changes. */
function ratioOf(sound: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): number {
  const changed = [...sound].flatMap(([name, value]): number[] => {
    const theirs = other.get(name);
    if (theirs === undefined || Math.abs(value - theirs) <= 0.05 * Math.max(value, theirs)) return [];
    return [Math.log((value + 1e-6) / (theirs + 1e-6))];
  });
  const first = changed.slice(0, LAYERS);
  return first.length === 0 ? 1 : Math.exp(first.reduce((a, b) => a + b, 0) / first.length);
}

/** The best of those that fit better; the others are its shadow. */
function guilty(judged: readonly { suspect: Suspect; ratio: number }[], images: number): Finding[] {
  const best = judged.reduce((a, b) => (b.ratio > a.ratio ? b : a), judged[0] as (typeof judged)[number]);
  if (best === undefined || best.ratio <= BETTER) return [];
  const { suspect, ratio } = best;
  return [
    {
      fault: suspect.fault,
      message: `Training ${suspect.what}, the network as it is loaded does not`,
      evidence: `with it the best mixture of ${images} images is ${ratio.toFixed(1)} times nearer to the running means and variances of the first layers that it changes`,
      remedy: suspect.remedy,
    },
  ];
}

function unlike(sound: ReadonlyMap<string, number>): Finding[] {
  const layers = [...sound];
  const first = layers.find(([, value]) => value > UNLIKE);
  if (first === undefined) return [];
  const all = layers.filter(([, value]) => value > UNLIKE).length;
  return [
    {
      fault: 'unlike-training',
      message: `From "${first[0]}" on layers get what they did not get in training`,
      evidence: `${all} of ${layers.length} layers are more than one deviation off their running statistics, whatever the mixture of images (the first: ${Math.sqrt(first[1]).toFixed(1)}); no suspect explains it`,
      remedy:
        'weights before that layer are of another file, or the images are of another kind than those of training',
    },
  ];
}
