import { checkPositions } from '../../options.ts';
import { type ClaimVerdict, checkRuns, type Sample, sampleOf, verdictOf } from './judge.ts';

/** Divergences of one network by depth. */
export interface MeasuredDepth {
  /** `none`, `a` or `b`. */
  readonly variant: string;
  readonly seed: number;
  /** The stem and the blocks, as `depthFeatures` names them. */
  readonly features: readonly string[];
  /** Between two looks of the same things; null where every channel is dead. */
  readonly appearance: readonly (number | null)[];
  /** Between two halves of the classes. */
  readonly content: readonly (number | null)[];
}

/** What Fig. 2 or 5 shows, beside what was measured. */
export interface JudgedDepth {
  readonly text: string;
  /** By how much in the paper, where a figure can be read off. */
  readonly published: number | undefined;
  readonly measured: Sample | undefined;
  readonly verdict: ClaimVerdict;
}

// Fig. 2 for ResNet-50, read off by eye.
const MONET = [4, 4.1, 3.8, 4.55, 3.8, 3.3, 2.9, 2.55, 2.7, 2.2, 1.95, 1.65, 1.5, 1.05, 0.95, 0.6, 0.35];
const CLASSES_X10 = [
  ...[0.55, 0.85, 0.95, 1.1, 1.2, 1.2, 1.2, 1.25, 1.95, 1.95, 2.3, 2.25, 2.6, 2.35, 2.45, 2.3, 2],
];

const mean = (values: readonly (number | null)[]): number =>
  sampleOf(values.filter((value) => value !== null)).mean;

/** The first third of the depth less the last. */
function fall(values: readonly (number | null)[]): number {
  const third = Math.max(1, Math.floor(values.length / 3));
  return mean(values.slice(0, third)) - mean(values.slice(-third));
}

/** Behind the instance norms of IBN-b: the stem, and the last blocks of the first two stages. */
function behindNorms(features: readonly string[]): number[] {
  return [/^relu$/, /^layer1\./, /^layer2\./].map((pattern) =>
    features.findLastIndex((name) => pattern.test(name)),
  );
}

/** What the paper's Fig. 2 and 5 show, on networks of one's own, paired by seed. */
export function judgeDepth(runs: readonly MeasuredDepth[]): JudgedDepth[] {
  checkPositions('judgeDepth', arguments, 1);
  checkRuns('judgeDepth', runs);
  const of = (variant: string) => runs.filter((run) => run.variant === variant);
  const gains = (variant: string, gain: (plain: MeasuredDepth, other: MeasuredDepth) => number) =>
    of('none').flatMap((plain) =>
      of(variant).flatMap((other) => (other.seed === plain.seed ? [gain(plain, other)] : [])),
    );
  const less = (plain: MeasuredDepth, other: MeasuredDepth) =>
    mean(plain.appearance) - mean(other.appearance);
  const atNorms = (run: MeasuredDepth) =>
    mean(behindNorms(run.features).map((at) => run.appearance[at] ?? 0));
  const row = (text: string, published: number | undefined, values: readonly number[]): JudgedDepth => {
    const measured = values.length === 0 ? undefined : sampleOf(values);
    return { text, published, measured, verdict: verdictOf(measured) };
  };
  return [
    row(
      'divergence of two looks falls with depth (plain; first third less last)',
      fall(MONET),
      of('none').map(({ appearance }) => fall(appearance)),
    ),
    row(
      'divergence of classes grows with depth (plain; last third less first)',
      -fall(CLASSES_X10) / 10,
      of('none').map(({ content }) => -fall(content)),
    ),
    row('IBN-a has less divergence of two looks than plain', undefined, gains('a', less)),
    row('IBN-b has less divergence of two looks than plain', undefined, gains('b', less)),
    row(
      "IBN-b's divergence behind its instance norms is below a tenth of plain's there",
      undefined,
      gains('b', (plain, other) => atNorms(plain) / 10 - atNorms(other)),
    ),
  ];
}
