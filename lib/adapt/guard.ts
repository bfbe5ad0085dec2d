import { Module } from '../nn/index.ts';
import { checkNumber, checkOptions, checkPositions, describeValue } from '../options.ts';
import { type Device, inferenceMode, scope, type Tensor } from '../tensor/index.ts';
import { modesOf } from './batch-norms.ts';
import { type Batches, checkBatches, inputsOf, targetsOf } from './batches.ts';

/** What a {@link Guard} compares: a network, or a model of `compile`. */
export type Judged = (Module & { forward(x: Tensor): Tensor }) | { run(x: Tensor): Promise<Tensor> };

/** Options of {@link Guard.create}. */
export interface GuardOptions {
  /** By how much accuracy may fall, as a share of the labels (or pixels) of the holdout. Default 0.01. */
  bound?: number;
  /** Where a module computes. Default where the batches are. */
  device?: Device;
}

/** What a guard found. */
export interface Verdict {
  /** Whether `worst` is not above `bound`. */
  readonly accepted: boolean;
  /** `accuracy` where the holdout has labels, else `agreement`. */
  readonly rule: 'accuracy' | 'agreement';
  readonly bound: number;
  /** By how much accuracy fell at most: by so much with labels; without, the share of predictions that changed. */
  readonly worst: number;
  /** Labels that count, or predictions. */
  readonly compared: number;
  /** Share of the predictions that are not those of the baseline. */
  readonly changed: number;
  /** Accuracies, as shares; null without labels. */
  readonly before: number | null;
  readonly after: number | null;
}

interface Answer {
  readonly predicted: Int32Array;
  readonly labels: Int32Array | undefined;
  readonly classes: number;
}

/**
 * Holds an adapted network to what it was before, on images that are kept for that: never worse by more than a bound. With
 * labels the rule is accuracy. Without, it is agreement: a prediction that stays is as right as it was, so accuracy cannot have
 * fallen by more than the share of predictions that changed, whatever the labels are. That is certain and strict: it
 * also refuses changes that would help, if they are many.
 *
 * The bound holds on the holdout. On other images of the same kind it is an estimate, as good as the holdout is large.
 *
 * @example
 * const holdout = [randn([8, 3, 64, 64])]; // without labels
 * const guard = await adapt.Guard.create(network, holdout, { bound: 0.02 });
 * const { share, verdict } = await adapt.adaBn(network, [randn([8, 3, 64, 64])], { guard });
 */
export class Guard {
  readonly bound: number;
  /** Which rule it goes by. */
  readonly rule: Verdict['rule'];
  readonly #holdout: Batches;
  readonly #device: Device | undefined;
  readonly #baseline: readonly Answer[];

  private constructor(
    holdout: Batches,
    baseline: readonly Answer[],
    options: Required<Pick<GuardOptions, 'bound'>> & GuardOptions,
  ) {
    this.#holdout = holdout;
    this.#baseline = baseline;
    this.#device = options.device;
    this.bound = options.bound;
    this.rule = baseline[0]?.labels === undefined ? 'agreement' : 'accuracy';
  }

  /**
   * Keeps what the network, as it is now, says of the holdout.
   *
   * @param holdout batches (N, ...), or [inputs, labels] with int64 labels (N) or (N, H, W), gone through once now and once
   *   for each {@link judge}: an array, or a `DataLoader` that does not shuffle. Labels that are no class, such as 255, do not count
   * @throws RangeError for an empty holdout, or labels of some batches alone
   */
  static async create(model: Judged, holdout: Batches, options: GuardOptions = {}): Promise<Guard> {
    checkPositions('Guard.create', arguments, 3);
    checkOptions('Guard.create', options, ['bound', 'device']);
    const bound = checkNumber('Guard.create', 'bound', options.bound ?? 0.01, 0);
    checkBatches('Guard.create', 'holdout', holdout);
    const baseline = await answersOf(model, holdout, options.device);
    const labelled = baseline.filter(({ labels }) => labels !== undefined).length;
    if (baseline.length === 0)
      throw new RangeError('Expected batches for Guard.create argument "holdout", got none');
    if (labelled > 0 && labelled < baseline.length)
      throw new RangeError(
        `Expected labels in all ${baseline.length} batches of Guard.create argument "holdout", or in none, got ${labelled}`,
      );
    const guard = new Guard(holdout, baseline, { ...options, bound });
    if (count(guard.#baseline.map(countsOf)) === 0)
      throw new RangeError('Expected labels that count for Guard.create argument "holdout", got none');
    return guard;
  }

  /**
   * Compares a network with the baseline.
   *
   * @throws RangeError where the holdout has other batches than before
   */
  async judge(model: Judged): Promise<Verdict> {
    checkPositions('Guard.judge', arguments, 1);
    const now = await answersOf(model, this.#holdout, this.#device);
    const isSame = (one: Answer, i: number) => one.predicted.length === this.#baseline[i]?.predicted.length;
    if (now.length !== this.#baseline.length || !now.every(isSame))
      throw new RangeError(
        `Expected the ${this.#baseline.length} batches of Guard.create for Guard.judge, got others; give an array, or a ` +
          'DataLoader, which can be gone through again',
      );
    const compared = count(this.#baseline.map(countsOf));
    const pairs = this.#baseline.map((before, i) => [before, now[i] as Answer] as const);
    const total = (of: typeof changesOf) => count(pairs.map(([before, after]) => of(before, after)));
    const changed = total(changesOf) / compared;
    const common = { rule: this.rule, bound: this.bound, compared, changed };
    if (this.rule === 'agreement')
      return { ...common, accepted: changed <= this.bound, worst: changed, before: null, after: null };
    const [before, after] = [total((first) => rightOf(first, first)), total(rightOf)];
    const worst = Math.max(0, before - after) / compared;
    const shares = { before: before / compared, after: after / compared };
    return { ...common, accepted: worst <= this.bound, worst, ...shares };
  }
}

const count = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

/** Whether the label, or without labels the prediction, counts. */
const isCounted = ({ labels, classes }: Answer, i: number) =>
  labels === undefined || ((labels[i] as number) >= 0 && (labels[i] as number) < classes);

function countWhere(answer: Answer, holds: (i: number) => boolean): number {
  let found = 0;
  for (let i = 0; i < answer.predicted.length; i++) if (isCounted(answer, i) && holds(i)) found++;
  return found;
}

const countsOf = (answer: Answer) => countWhere(answer, () => true);
const changesOf = (before: Answer, after: Answer) =>
  countWhere(before, (i) => before.predicted[i] !== after.predicted[i]);
const rightOf = (before: Answer, after: Answer) =>
  countWhere(before, (i) => before.labels?.[i] === after.predicted[i]);

async function answersOf(model: Judged, holdout: Batches, device: Device | undefined): Promise<Answer[]> {
  const run = runnerOf(model, device);
  const restore = model instanceof Module ? modesOf(model) : () => {};
  if (model instanceof Module) model.eval();
  const answers: Answer[] = [];
  try {
    for await (const batch of holdout) {
      const scores = await run(inputsOf('Guard', batch));
      answers.push(scope(() => answerOf(scores, targetsOf(batch))));
      scores.dispose();
    }
  } finally {
    restore();
  }
  return answers;
}

function runnerOf(model: Judged, device: Device | undefined): (x: Tensor) => Promise<Tensor> {
  if (model instanceof Module)
    return async (x) =>
      scope(() => inferenceMode(() => model.forward(device === undefined ? x : x.to(device))));
  if (typeof (model as { run?: unknown } | null)?.run === 'function') return (x) => model.run(x);
  throw new TypeError(`Expected a Module or a compiled model for Guard, got ${describeValue(model)}`);
}

/** Scores (N, C, ...) as the classes that have the most. */
function answerOf(scores: Tensor, targets: Tensor | undefined): Answer {
  const best = scores.argmax(1);
  if (targets !== undefined && targets.shape.join() !== best.shape.join())
    throw new RangeError(
      `Expected labels [${best.shape.join(', ')}] in the holdout of Guard, got [${targets.shape.join(', ')}]`,
    );
  const labels = targets === undefined ? undefined : numbers(targets);
  return { predicted: numbers(best), labels, classes: scores.shape[1] as number };
}

const numbers = (tensor: Tensor): Int32Array =>
  Int32Array.from(tensor.to('cpu').to('int32').contiguous().data() as Int32Array);
