import { describeValue } from '../../options.ts';
import { noGrad, scope, Tensor } from '../../tensor/index.ts';

/** Where each sample's class stands among its scores, and which class stands first. */
export interface Ranks {
  /** From 0; `Infinity` where it is not among those looked at. */
  readonly ranks: readonly number[];
  readonly predicted: readonly number[];
  readonly truths: readonly number[];
}

/** The number of samples and of classes. */
export function checkScores(
  output: Tensor,
  target: Tensor,
  name: string,
): [samples: number, classes: number] {
  checkTensor(output, `${name} output`);
  checkTensor(target, `${name} target`);
  const [samples, classes] = output.shape as [number, number];
  if (output.shape.length !== 2 || samples === 0 || classes === 0) {
    throw new RangeError(`Expected scores (N, C) for ${name} output, got [${output.shape.join(', ')}]`);
  }
  if (!output.dtype.includes('float')) {
    throw new TypeError(`Expected a floating-point dtype for ${name} output, got ${output.dtype}`);
  }
  if (target.dtype !== 'int64') {
    throw new TypeError(`Expected int64 for ${name} target, got ${target.dtype}`);
  }
  if (target.shape.length !== 1 || target.shape[0] !== samples) {
    throw new RangeError(
      `Expected classes (${samples}) for ${name} target, as output has, got [${target.shape.join(', ')}]`,
    );
  }
  return [samples, classes];
}

function checkTensor(value: unknown, name: string): void {
  if (value instanceof Tensor) return;
  throw new TypeError(`Expected a Tensor for ${name}, got ${describeValue(value)}`);
}

/** Looks at the `deepest` best classes of each sample. Ties stand in the order of torch's `topk`. */
export function ranksOf(output: Tensor, target: Tensor, deepest: number): Ranks {
  const classes = output.shape[1] as number;
  const best = scope(() => noGrad(() => integers(output.topk(Math.min(deepest, classes), 1).indices)));
  const truths = scope(() => integers(target));
  const width = best.length / truths.length;
  const wrong = truths.find((truth) => truth < 0 || truth >= classes);
  if (wrong !== undefined)
    throw new RangeError(`Expected classes from 0 to ${classes - 1} for target, got ${wrong}`);
  const ranks = truths.map((truth, sample) => {
    const rank = best.slice(sample * width, (sample + 1) * width).indexOf(truth);
    return rank < 0 ? Number.POSITIVE_INFINITY : rank;
  });
  return { ranks, truths, predicted: truths.map((_, sample) => best[sample * width] as number) };
}

function integers(values: Tensor): number[] {
  return Array.from(values.to('cpu').contiguous().data() as BigInt64Array, Number);
}
