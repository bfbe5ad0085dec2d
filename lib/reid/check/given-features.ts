import { functional as F } from '../../nn/index.ts';
import { scope, type Tensor } from '../../tensor/index.ts';
import type { Finding } from './findings.ts';
import { featuresWith, type Observation, type Subject } from './subject.ts';
import type { Suspect } from './suspect.ts';

/** Differences, in parts of what sets images apart: below the first it is rounding, below the second another decoder. */
const SAME = 0.02;
const NEAR = 0.1;
/** A suspect explains features when they are so many times nearer to its own. */
const NEARER = 3;

/** What features that another program made of the same images tell of that program. */
export interface FeaturesReport {
  readonly findings: readonly Finding[];
  readonly excluded: readonly string[];
  readonly unclear: readonly string[];
}

/** Compares given features with the network's own, then with those that each suspect gives. */
export function checkGivenFeatures(
  subject: Subject,
  own: Observation,
  given: Tensor,
  suspects: readonly Suspect[],
): FeaturesReport {
  const distance = (features: Tensor) => differenceOf(given, features);
  const sound = distance(own.features);
  const lengths = lengthFinding(given);
  if (sound < SAME)
    return { findings: lengths, excluded: ["the features are not the network's"], unclear: [] };
  const best = nearest(subject, suspects, distance);
  const explains = best.value < NEAR && best.value * NEARER < sound;
  if (explains)
    return {
      findings: [foundFinding(best.suspect, sound, best.value), ...lengths],
      excluded: [],
      unclear: [],
    };
  if (sound < NEAR) {
    const unclear = `the features differ from the network's by ${percent(sound)} of what sets images apart: another decoder, resizing, or half precision`;
    return { findings: lengths, excluded: [], unclear: [unclear] };
  }
  return { findings: [unexplained(sound, best), ...lengths], excluded: [], unclear: [] };
}

interface Tried {
  readonly suspect: Suspect;
  readonly value: number;
}

/** The suspect whose features are nearest; the first that gives the same ends the search. */
function nearest(
  subject: Subject,
  suspects: readonly Suspect[],
  distance: (features: Tensor) => number,
): Tried {
  let best: Tried | undefined;
  for (const suspect of suspects) {
    const value = scope(() => distance(featuresWith(subject, suspect)));
    if (best === undefined || value < best.value) best = { suspect, value };
    if (value < SAME) break;
  }
  return best as Tried;
}

const percent = (share: number) => `${(100 * share).toPrecision(2)} %`;

/** Of features scaled to length 1, since programs differ in that: in parts of their spread over images. */
function differenceOf(given: Tensor, features: Tensor): number {
  return scope(() => {
    const [a, b] = [F.normalize(given, { dim: 1 }), F.normalize(features, { dim: 1 })];
    const spread = b.sub(b.mean(0)).norm().item();
    return a.sub(b).norm().item() / Math.max(spread, 1e-12);
  });
}

function foundFinding(suspect: Suspect, sound: number, value: number): Finding {
  return {
    fault: suspect.fault,
    message: `The program that made the features ${suspect.what}`,
    evidence: `the features are ${percent(value)} of what sets images apart from those that the network gives then, and ${percent(sound)} from its own`,
    remedy: suspect.remedy,
  };
}

function unexplained(sound: number, best: Tried): Finding {
  return {
    fault: 'features-unexplained',
    message: "The features are not the network's, and nothing that was tried explains them",
    evidence: `they are ${percent(sound)} of what sets images apart from its own; nearest is a program that ${best.suspect.what}, with ${percent(best.value)}`,
    remedy: 'look whether they are of these images in this order, and of this checkpoint',
  };
}

function lengthFinding(given: Tensor): Finding[] {
  const lengths = scope(() => given.norm(2, 1).toArray() as number[]);
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  if (Math.abs(least - 1) < 1e-2 && Math.abs(most - 1) < 1e-2) return [];
  return [
    {
      fault: 'not-unit-length',
      message: 'The features are not of length 1',
      evidence: `their lengths are from ${least.toPrecision(3)} to ${most.toPrecision(3)}`,
      remedy:
        'divide each by its length (reid.extract with normalize: true), or compare by cosine: Euclidean distances rank otherwise',
    },
  ];
}
