import { checkPositions } from '../../../options.ts';
import { type Device, type DType, ops, type Tensor } from '../../../tensor/index.ts';
import { checkNamed, checkTensor, flag, real, refuse } from '../../arguments.ts';
import { Module } from '../../module/module.ts';
import { checkCount } from '../../sizes.ts';
import { ModuleList, Sequential } from '../container.ts';
import { Linear } from '../linear.ts';
import { PLACE_ARGUMENTS } from '../place.ts';

/** Options of AdaptiveLogSoftmaxWithLoss. */
export interface AdaptiveLogSoftmaxWithLossOptions {
  /** How much smaller each cluster's features are than those of the one before. Default 4. */
  divValue?: number;
  /** Give the head a bias. Default false. */
  headBias?: boolean;
  device?: Device;
  dtype?: DType;
}

/** What the forward of AdaptiveLogSoftmaxWithLoss gives: log-probabilities of the targets (N), and the mean loss. */
export interface AdaptiveLogSoftmaxOutput {
  output: Tensor;
  loss: Tensor;
}

/**
 * Log-softmax over many classes in clusters, the frequent ones first, and the negative log-likelihood of the targets:
 * `cutoffs` are the classes at which clusters begin.
 *
 * @example
 * const softmax = new nn.AdaptiveLogSoftmaxWithLoss(64, 10_000, [1000, 5000]);
 * const { loss } = softmax.forward(randn([2, 64]), targets);
 */
export class AdaptiveLogSoftmaxWithLoss extends Module {
  readonly inFeatures: number;
  readonly nClasses: number;
  readonly cutoffs: readonly number[];
  readonly divValue: number;
  readonly headBias: boolean;
  readonly shortlistSize: number;
  head: Linear;
  tail: ModuleList;

  constructor(
    inFeatures: number,
    nClasses: number,
    cutoffs: readonly number[],
    options: AdaptiveLogSoftmaxWithLossOptions = {},
  ) {
    const owner = 'AdaptiveLogSoftmaxWithLoss';
    checkPositions(owner, arguments, 4);
    super();
    checkNamed(owner, options, { divValue: real(), headBias: flag(), ...PLACE_ARGUMENTS });
    checkCount(owner, 'inFeatures', inFeatures, 1);
    checkCount(owner, 'nClasses', nClasses, 2);
    checkCutoffs(cutoffs, nClasses);
    const { divValue = 4, headBias = false, ...place } = options;
    this.inFeatures = inFeatures;
    this.nClasses = nClasses;
    this.cutoffs = [...cutoffs, nClasses];
    this.divValue = divValue;
    this.headBias = headBias;
    this.shortlistSize = cutoffs[0] as number;
    this.head = new Linear(inFeatures, this.shortlistSize + cutoffs.length, { bias: headBias, ...place });
    this.tail = new ModuleList(
      cutoffs.map((start, i) => {
        const hidden = Math.floor(inFeatures / divValue ** (i + 1));
        const size = (this.cutoffs[i + 1] as number) - start;
        const linear = (from: number, to: number) => new Linear(from, to, { bias: false, ...place });
        return new Sequential(linear(inFeatures, hidden), linear(hidden, size));
      }),
    );
  }

  /** Draws the weights anew. */
  resetParameters(): void {
    this.head.resetParameters();
    for (const projection of this.tail)
      for (const linear of projection.children() as Linear[]) linear.resetParameters();
  }

  /**
   * @param x (N, inFeatures) with targets int64 (N), or (inFeatures) with one target ().
   * @throws RangeError for other shapes, and for targets that are no class.
   */
  forward(x: Tensor, target: Tensor): AdaptiveLogSoftmaxOutput {
    checkPositions('AdaptiveLogSoftmaxWithLoss', arguments, 2);
    checkShapes(x, target);
    if (target.dim() === 1) return this.batch(x, target);
    const { output, loss } = this.batch(x.unsqueeze(0), target.unsqueeze(0));
    return { output: output.squeeze(0), loss };
  }

  private batch(x: Tensor, target: Tensor): AdaptiveLogSoftmaxOutput {
    const places = target.clone(); // what the head tells of each row: its class, or its cluster
    let output = ops.aten.zeros([target.shape[0] as number], { dtype: x.dtype, device: x.device });
    let used = target.lt(this.shortlistSize).logicalAnd(target.ge(0)).sum().item() as number;
    for (const [i, projection] of this.tail.children().entries()) {
      const [start, end] = [this.cutoffs[i] as number, this.cutoffs[i + 1] as number];
      const rows = target.ge(start).logicalAnd(target.lt(end)).nonzero().squeeze(1);
      if (rows.numel() === 0) continue;
      used += rows.numel();
      const logProb = (projection as Sequential).forward(x.indexSelect(0, rows)).logSoftmax(1);
      const picked = logProb.gather(1, target.indexSelect(0, rows).sub(start).unsqueeze(1)).squeeze(1);
      output = ops.aten.index_copy(output, 0, rows, picked);
      ops.aten.index_fill_(places, 0, rows, this.shortlistSize + i);
    }
    this.checkUsed(used, target);
    const head = this.head.forward(x).logSoftmax(1).gather(1, places.unsqueeze(1)).squeeze(1);
    output = output.add(head);
    return { output, loss: output.neg().mean() };
  }

  private checkUsed(used: number, target: Tensor): void {
    if (used === target.shape[0]) return;
    const [least, most] = [target.min().item(), target.max().item()];
    throw new RangeError(
      `Expected targets from 0 to ${this.nClasses - 1} for AdaptiveLogSoftmaxWithLoss, got ${least} to ${most}`,
    );
  }

  /** Log-probabilities of all classes: (N, inFeatures) -> (N, nClasses). */
  logProb(x: Tensor): Tensor {
    return this.full(x, this.head.forward(x));
  }

  private full(x: Tensor, head: Tensor): Tensor {
    const logProb = head.logSoftmax(1);
    const clusters = this.tail.children().map((projection, i) => {
      const inside = (projection as Sequential).forward(x).logSoftmax(1);
      return inside.add(logProb.narrow(1, this.shortlistSize + i, 1));
    });
    return ops.aten.cat([logProb.narrow(1, 0, this.shortlistSize), ...clusters], 1);
  }

  /** The likeliest class: (N, inFeatures) -> int64 (N). Clusters are looked into only for rows that need it. */
  predict(x: Tensor): Tensor {
    const head = this.head.forward(x);
    const output = head.argmax(1);
    const rows = output.ge(this.shortlistSize).nonzero().squeeze(1);
    if (rows.numel() === 0) return output;
    const full = this.full(x.indexSelect(0, rows), head.indexSelect(0, rows));
    return ops.aten.index_copy(output, 0, rows, full.argmax(1));
  }
}

function checkCutoffs(cutoffs: readonly number[], nClasses: number): void {
  if (!Array.isArray(cutoffs))
    refuse('AdaptiveLogSoftmaxWithLoss', 'cutoffs', 'an array of whole numbers', cutoffs, false);
  const isOrdered = cutoffs.every((cutoff, i) => Number.isInteger(cutoff) && cutoff > (cutoffs[i - 1] ?? 0));
  if (cutoffs.length > 0 && isOrdered && (cutoffs.at(-1) as number) < nClasses) return;
  throw new RangeError(
    `Expected ascending whole numbers from 1 to ${nClasses - 1} for AdaptiveLogSoftmaxWithLoss cutoffs, got [${cutoffs}]`,
  );
}

function checkShapes(x: Tensor, target: Tensor): void {
  checkTensor('AdaptiveLogSoftmaxWithLoss', 'x', x);
  checkTensor('AdaptiveLogSoftmaxWithLoss', 'target', target);
  const dims = target.dim();
  if (dims < 2 && x.dim() === dims + 1 && (dims === 0 || x.shape[0] === target.shape[0])) return;
  throw new RangeError(
    'Expected an input (N, inFeatures) and targets (N), or (inFeatures) and (), for AdaptiveLogSoftmaxWithLoss, ' +
      `got [${x.shape}] and [${target.shape}]`,
  );
}
