import type { Tensor } from '../../../tensor/index.ts';

/** Loss and gradient somewhere along the direction. */
interface Evaluated {
  loss: number;
  gradient: Tensor;
}

/** A rate that was tried. */
interface Trial extends Evaluated {
  rate: number;
  /** The gradient along the direction. */
  slope: number;
}

/** Where a search begins. */
export interface Start extends Trial {
  direction: Tensor;
}

/** When a search ends without what it looks for. */
export interface Limits {
  toleranceChange: number;
  mostEvaluations: number;
}

export interface Found extends Evaluated {
  rate: number;
  evaluations: number;
}

/** What counts as a smaller loss, and as a flatter slope. */
const [DECREASE, FLATTER] = [1e-4, 0.9];

/**
 * A rate with a smaller loss and a flatter slope, as torch/optim/lbfgs.py (2.13) looks for one: a bracket that grows
 * from the first rate, then narrows.
 */
export function strongWolfe(evaluate: (rate: number) => Evaluated, start: Start, limits: Limits): Found {
  return new Search(evaluate, start, limits).run();
}

/** Slopes are tensors in PyTorch, so what is computed from them is rounded to their dtype. */
type Round = (value: number) => number;
const roundTo = (dtype: string): Round => (dtype === 'float32' ? Math.fround : (value) => value);

class Search {
  readonly #round: Round;
  readonly #evaluate: (rate: number) => Evaluated;
  readonly #start: Start;
  readonly #limits: Limits;
  #iterations = 0;
  #evaluations = 0;

  constructor(evaluate: (rate: number) => Evaluated, start: Start, limits: Limits) {
    this.#round = roundTo(start.direction.dtype);
    this.#evaluate = evaluate;
    this.#start = start;
    this.#limits = limits;
  }

  run(): Found {
    const bracket = this.#bracket();
    const best = bracket.length === 1 ? (bracket[0] as Trial) : this.#zoom(bracket as [Trial, Trial]);
    const { rate, loss, gradient } = best;
    return { rate, loss, gradient, evaluations: this.#evaluations };
  }

  #try(rate: number): Trial {
    this.#evaluations++;
    const { loss, gradient } = this.#evaluate(rate);
    return { rate, loss, gradient, slope: gradient.dot(this.#start.direction).item() as number };
  }

  #isTooHigh({ rate, loss }: Trial): boolean {
    const round = this.#round;
    return round(loss) > round(this.#start.loss + round(DECREASE * rate * this.#start.slope));
  }

  #isFlat({ slope }: Trial): boolean {
    return Math.abs(slope) <= this.#round(-FLATTER * this.#start.slope);
  }

  /** One trial that will do, or two around one. */
  #bracket(): Trial[] {
    const zero: Trial = { ...this.#start, rate: 0 };
    let [before, now] = [zero, this.#try(this.#start.rate)];
    while (this.#iterations < this.#limits.mostEvaluations) {
      if (this.#isTooHigh(now) || (this.#iterations > 1 && now.loss >= before.loss)) return [before, now];
      if (this.#isFlat(now)) return [now];
      if (now.slope >= 0) return [before, now];
      const bounds = [now.rate + 0.01 * (now.rate - before.rate), now.rate * 10] as const;
      const next = this.#try(lowestBetween(this.#round, [before, now], bounds));
      [before, now] = [now, next];
      this.#iterations++;
    }
    return [zero, now];
  }

  #zoom(bracket: [Trial, Trial]): Trial {
    let [low, high] = bracket[0].loss <= bracket[1].loss ? bracket : [bracket[1], bracket[0]];
    // The older end first, as torch has it: the interpolation's rounding depends on it.
    const ends = [...bracket] as [Trial, Trial];
    const size = this.#start.direction.abs().max().item() as number;
    let isSlow = false;
    while (this.#iterations < this.#limits.mostEvaluations) {
      if (Math.abs(ends[1].rate - ends[0].rate) * size < this.#limits.toleranceChange) break;
      const inner = awayFromEnds(lowestBetween(this.#round, ends), ends, isSlow);
      isSlow = inner.isSlow;
      const trial = this.#try(inner.rate);
      this.#iterations++;
      const [lowAt, highAt] = ends[0] === low ? ([0, 1] as const) : ([1, 0] as const);
      if (this.#isTooHigh(trial) || trial.loss >= low.loss) {
        ends[highAt] = trial;
        [low, high] = ends[0].loss <= ends[1].loss ? ends : [ends[1], ends[0]];
        continue;
      }
      if (!this.#isFlat(trial) && trial.slope * (high.rate - low.rate) >= 0) ends[highAt] = low;
      ends[lowAt] = trial;
      [low, high] = [trial, ends[highAt]];
      if (this.#isFlat(trial)) break;
    }
    return low;
  }
}

/** Moves a rate from an end of the bracket where it comes too close twice, or is outside. */
function awayFromEnds(
  rate: number,
  ends: readonly [Trial, Trial],
  wasSlow: boolean,
): { rate: number; isSlow: boolean } {
  const [least, most] = [Math.min(ends[0].rate, ends[1].rate), Math.max(ends[0].rate, ends[1].rate)];
  const margin = 0.1 * (most - least);
  if (Math.min(most - rate, rate - least) >= margin) return { rate, isSlow: false };
  if (!wasSlow && rate < most && rate > least) return { rate, isSlow: true };
  const isNearMost = Math.abs(rate - most) < Math.abs(rate - least);
  return { rate: isNearMost ? most - margin : least + margin, isSlow: false };
}

/** Where the cubic through two trials is lowest, within bounds. */
function lowestBetween(
  round: Round,
  [a, b]: readonly [Trial, Trial],
  bounds?: readonly [number, number],
): number {
  const [low, high] = bounds ?? [Math.min(a.rate, b.rate), Math.max(a.rate, b.rate)];
  const chord = round((3 * (a.loss - b.loss)) / (a.rate - b.rate));
  const d1 = round(round(a.slope + b.slope) - chord);
  const square = round(round(d1 ** 2) - round(a.slope * b.slope));
  if (!(square >= 0)) return (low + high) / 2;
  const [left, right] = a.rate <= b.rate ? [a, b] : [b, a];
  const d2 = round(Math.sqrt(square));
  const above = round(round(right.slope + d2) - d1);
  const share = round(above / round(round(right.slope - left.slope) + round(2 * d2)));
  const at = round(right.rate - round(round(right.rate - left.rate) * share));
  return Math.min(Math.max(at, low), high);
}
