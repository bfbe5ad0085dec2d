import { checkIterable, checkNumber, checkPositions, checkTexts } from '../../options.ts';
import { type ClaimVerdict, checkRuns, type Sample, sampleOf, verdictOf } from './judge.ts';
import { networkOf } from './variants.ts';

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
  /** By how much in the paper, to one digit: read off a plot by eye, where it can be. */
  readonly published: number | undefined;
  readonly measured: Sample | undefined;
  readonly verdict: ClaimVerdict;
}

// Fig. 2 for ResNet-50, read off by eye.
const MONET = [4, 4.1, 3.8, 4.55, 3.8, 3.3, 2.9, 2.55, 2.7, 2.2, 1.95, 1.65, 1.5, 1.05, 0.95, 0.6, 0.35];
const CLASSES_X10 = [
  ...[0.55, 0.85, 0.95, 1.1, 1.2, 1.2, 1.2, 1.25, 1.95, 1.95, 2.3, 2.25, 2.6, 2.35, 2.45, 2.3, 2],
];

/** What a figure read off by eye is good for. */
const oneDigit = (value: number) => Number(value.toPrecision(1));

/** Of values that are there; undefined where there is none. */
function mean(values: readonly (number | null)[]): number | undefined {
  const there = values.filter((value) => value !== null);
  return there.length === 0 ? undefined : sampleOf(there).mean;
}

/** Undefined where either is. */
const difference = (one: number | undefined, other: number | undefined) =>
  one === undefined || other === undefined ? undefined : one - other;

/** The first third of the depth less the last. */
function fall(values: readonly (number | null)[]): number | undefined {
  const third = Math.max(1, Math.floor(values.length / 3));
  return difference(mean(values.slice(0, third)), mean(values.slice(-third)));
}

/** Behind the instance norms of IBN-b: the stem, and the last blocks of the first two stages. */
function behindNorms(features: readonly string[]): number[] {
  return [/^relu$/, /^layer1\./, /^layer2\./].map((pattern) => {
    const at = features.findLastIndex((name) => pattern.test(name));
    if (at >= 0) return at;
    throw new RangeError(
      `Expected features as depthFeatures names them for judgeDepth, got none that fits ${pattern} among ${features.join(', ')}`,
    );
  });
}

/** The mean divergence there; undefined where one of them has none. */
function atNorms({ features, appearance }: MeasuredDepth): number | undefined {
  const values = behindNorms(features).map((at) => appearance[at] as number | null);
  return values.includes(null) ? undefined : mean(values);
}

/** Refuses runs whose features have no names, or names no values. */
function checkDepths(runs: readonly MeasuredDepth[]): void {
  checkRuns('judgeDepth', runs);
  for (const { variant, seed, features, appearance, content } of runs) {
    const whose = `of "${variant}", seed ${seed},`;
    checkTexts(`judgeDepth features ${whose}`, 'names', features);
    if (features.length === 0)
      throw new RangeError(`Expected at least one feature ${whose} for judgeDepth, got none`);
    for (const [name, values] of Object.entries({ appearance, content })) {
      checkIterable(`judgeDepth ${name} ${whose}`, 'an array of numbers and null', values);
      if (values.length !== features.length)
        throw new RangeError(
          `Expected ${features.length} values, one for each feature, for judgeDepth ${name} ${whose} got ${values.length}`,
        );
      for (const value of values) if (value !== null) checkNumber('judgeDepth', name, value);
    }
  }
}

/**
 * What the paper's Fig. 2 and 5 show, on networks of one's own, paired by seed. A pair is left out where a value is null that it needs.
 *
 * @throws RangeError for two runs of one network and seed, and for features that `depthFeatures` does not name
 */
export function judgeDepth(runs: readonly MeasuredDepth[]): JudgedDepth[] {
  checkPositions('judgeDepth', arguments, 1);
  checkDepths(runs);
  const of = (network: string) => runs.filter(({ variant }) => networkOf(variant) === network);
  const gains = (network: string, gain: (plain: MeasuredDepth, other: MeasuredDepth) => number | undefined) =>
    of('none').flatMap((plain) =>
      of(network).flatMap((other) => (other.seed === plain.seed ? [gain(plain, other)] : [])),
    );
  const less = (plain: MeasuredDepth, other: MeasuredDepth) =>
    difference(mean(plain.appearance), mean(other.appearance));
  const nearlyNone = (plain: MeasuredDepth, other: MeasuredDepth) => {
    const [there, here] = [atNorms(plain), atNorms(other)];
    return difference(there === undefined ? undefined : there / 10, here);
  };
  const rise = (values: readonly (number | null)[]) => difference(0, fall(values));
  return [
    row(
      'divergence of two looks falls with depth (plain; first third less last)',
      oneDigit(fall(MONET) as number),
      of('none').map(({ appearance }) => fall(appearance)),
    ),
    row(
      'divergence of classes grows with depth (plain; last third less first)',
      oneDigit((rise(CLASSES_X10) as number) / 10),
      of('none').map(({ content }) => rise(content)),
    ),
    row('IBN-a has less divergence of two looks than plain', undefined, gains('a', less)),
    row('IBN-b has less divergence of two looks than plain', undefined, gains('b', less)),
    row(
      "IBN-b's divergence behind its instance norms is below a tenth of plain's there",
      undefined,
      gains('b', nearlyNone),
    ),
  ];
}

function row(
  text: string,
  published: number | undefined,
  values: readonly (number | undefined)[],
): JudgedDepth {
  const there = values.filter((value) => value !== undefined);
  const measured = there.length === 0 ? undefined : sampleOf(there);
  return { text, published, measured, verdict: verdictOf(measured) };
}
