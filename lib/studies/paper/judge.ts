import { checkIterable, checkNumber, checkPositions, describeValue } from '../../options.ts';
import type { Claim, PublishedTable } from './tables.ts';
import { networkOf } from './variants.ts';

/** Top-1 errors in per cent of one trained network by condition. */
export interface MeasuredRun {
  /** Of `VARIANTS`. */
  readonly variant: string;
  readonly seed: number;
  readonly errors: Readonly<Record<string, number>>;
}

/** Mean and deviation of a sample; the deviation of one value is null. */
export interface Sample {
  readonly mean: number;
  readonly sd: number | null;
  readonly count: number;
}

/** What came of a claim: `holds` and `contradicted` where Student's t of the paired differences is beyond its one-sided 5 % bound. */
export type ClaimVerdict = 'holds' | 'contradicted' | 'undecided' | 'not measured';

/** A claim beside what was measured. */
export interface JudgedClaim {
  readonly claim: Claim;
  /** Points by which `better` is better in the paper. */
  readonly published: number;
  /** The same here, over seeds that both have; undefined where there is none. */
  readonly measured: Sample | undefined;
  readonly verdict: ClaimVerdict;
}

/** Mean and standard deviation (n - 1). */
export function sampleOf(values: readonly number[]): Sample {
  checkPositions('sampleOf', arguments, 1);
  checkIterable('sampleOf', 'an array of numbers', values);
  for (const value of values) checkNumber('sampleOf', 'values', value);
  if (values.length === 0) throw new RangeError('Expected at least one number for sampleOf, got none');
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: count < 2 ? null : Math.sqrt(squares / (count - 1)), count };
}

/** Refuses what has no variant and no seed, and two runs of one network and seed. */
export function checkRuns(owner: string, runs: unknown): void {
  checkIterable(owner, 'an array of runs', runs);
  const there = new Set<string>();
  for (const run of runs) {
    const { variant, seed } = (run ?? {}) as Partial<MeasuredRun>;
    if (typeof variant !== 'string' || typeof seed !== 'number')
      throw new TypeError(`Expected runs with variant and seed for ${owner}, got ${describeValue(run)}`);
    const key = `"${networkOf(variant)}" of seed ${seed}`;
    if (there.has(key))
      throw new RangeError(`Expected one run of a network and seed for ${owner}, got two of ${key}`);
    there.add(key);
  }
}

/** A run's error under a condition, or what is added to that of `origin` there. */
function errorOf({ condition, drop }: Claim, errors: MeasuredRun['errors']): number | undefined {
  const [value, origin] = [errors[condition], errors.origin];
  if (value === undefined || origin === undefined) return undefined;
  return drop ? value - origin : value;
}

/**
 * What runs say of a table's claims. Differences are taken between runs of one seed, which have the same data and order.
 *
 * @param rename the condition that stands for one of the paper, such as `{ Monet: 'twemoji' }`
 */
export function judgeClaims(
  table: PublishedTable,
  runs: readonly MeasuredRun[],
  rename: Readonly<Record<string, string>> = {},
): JudgedClaim[] {
  checkPositions('judgeClaims', arguments, 3);
  checkIterable('judgeClaims table', 'one of PAPER_TABLES', table?.claims);
  checkRuns('judgeClaims', runs);
  return table.claims.map((claim) => {
    const errorsOf = (name: string) => table.rows.find(({ variant }) => variant === name)?.errors ?? {};
    const published =
      (errorOf(claim, errorsOf(claim.than)) as number) - (errorOf(claim, errorsOf(claim.better)) as number);
    const here = { ...claim, condition: rename[claim.condition] ?? claim.condition };
    const gains = pairsOf(runs, claim.better, claim.than).flatMap(([one, other]) => {
      const [better, than] = [errorOf(here, one.errors), errorOf(here, other.errors)];
      return better === undefined || than === undefined ? [] : [than - better];
    });
    const measured = gains.length === 0 ? undefined : sampleOf(gains);
    return { claim, published, measured, verdict: verdictOf(measured) };
  });
}

function pairsOf(runs: readonly MeasuredRun[], better: string, than: string): [MeasuredRun, MeasuredRun][] {
  const of = (name: string) => runs.filter(({ variant }) => networkOf(variant) === networkOf(name));
  return of(better).flatMap((one) =>
    of(than)
      .filter(({ seed }) => seed === one.seed)
      .map((other): [MeasuredRun, MeasuredRun] => [one, other]),
  );
}

/** Student's t that 5 % of samples exceed, by degrees of freedom from 1. */
const BOUNDS = [6.314, 2.92, 2.353, 2.132, 2.015, 1.943, 1.895, 1.86, 1.833];

/** What differences over seeds say of a claim that they are above 0; one seed decides nothing. */
export function verdictOf(gain: Sample | undefined): ClaimVerdict {
  if (gain === undefined) return 'not measured';
  if (gain.sd === null) return 'undecided';
  const bound = ((BOUNDS[gain.count - 2] ?? 1.812) * gain.sd) / Math.sqrt(gain.count);
  if (gain.mean > bound) return 'holds';
  return gain.mean < -bound ? 'contradicted' : 'undecided';
}
