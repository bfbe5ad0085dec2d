import { crossEntropy } from '../../nn/functional/index.ts';
import { checkCount, checkNumber, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { noGrad, Tensor } from '../../tensor/index.ts';
import type { SegmenterOutputs } from '../models/segmenter.ts';

/** Options of {@link ohemCrossEntropy}. */
export interface OhemOptions {
  /** Pixels whose class is given less than this probability count. Default 0.7. */
  threshold?: number;
  /** So many of the hardest pixels count in any case. Default 100,000. */
  minKept?: number;
  /** The label of pixels that do not count. Default 255. */
  ignoreIndex?: number;
  /** A weight for each class (C). */
  weight?: Tensor | null;
}

const OHEM = ['threshold', 'minKept', 'ignoreIndex', 'weight'];

/**
 * Cross entropy of the pixels that are hard (online hard example mining): the mean over those whose own class has less than
 * `threshold`, or, where they are fewer, over those up to the `minKept`-th hardest, which sets the bound. As HRNet's
 * `OhemCrossEntropy`. Without a pixel that counts it is 0.
 *
 * @param scores logits (N, C, H, W)
 * @param target classes, int64 (N, H, W)
 */
export function ohemCrossEntropy(scores: Tensor, target: Tensor, options: OhemOptions = {}): Tensor {
  checkPositions('ohemCrossEntropy', arguments, 3);
  checkOptions('ohemCrossEntropy', options, OHEM);
  checkTensors('ohemCrossEntropy', scores, target);
  const { threshold = 0.7, ignoreIndex = 255, weight = null } = options;
  checkNumber('ohemCrossEntropy', 'threshold', threshold, 0);
  const minKept = checkCount('ohemCrossEntropy', 'minKept', options.minKept ?? 100_000);
  const losses = crossEntropy(scores, target, { weight, ignoreIndex, reduction: 'none' }).flatten();
  const hard = noGrad(() => hardPixels(scores, target, { threshold, minKept, ignoreIndex }));
  return hard === undefined ? losses.sum() : losses.maskedSelect(hard).mean();
}

/** Which pixels count, flat; undefined where none does. */
function hardPixels(
  scores: Tensor,
  target: Tensor,
  { threshold, minKept, ignoreIndex }: Required<Pick<OhemOptions, 'threshold' | 'minKept' | 'ignoreIndex'>>,
): Tensor | undefined {
  const counts = target.ne(ignoreIndex);
  const own = target.maskedFill(counts.logicalNot(), 0).unsqueeze(1);
  const probabilities = scores.detach().softmax(1, 'float32').gather(1, own).flatten();
  const flat = counts.flatten();
  const among = probabilities.maskedSelect(flat);
  const pixels = among.numel();
  if (pixels === 0) return undefined;
  const place = Math.min(minKept, pixels - 1);
  const bound = Math.max(Number(among.kthvalue(place + 1)[0].item()), threshold);
  return probabilities.lt(bound).logicalAnd(flat);
}

/** Options of {@link segmentLoss}. */
export interface SegmentLossOptions extends OhemOptions {
  /** What the scores of the auxiliary head count. Default 0.4. */
  auxWeight?: number;
  /** Whether hard pixels count alone, in the network's own scores. Default false. */
  ohem?: boolean;
}

/**
 * The loss of a network for segmentation: cross entropy over the pixels that count, and that of the auxiliary head where the
 * network gives its scores. A batch in which no pixel counts has loss 0.
 *
 * @param outputs what the network gives: scores (N, C, H, W), or {@link SegmenterOutputs}
 * @param target classes, int64 (N, H, W)
 * @example
 * const loss = segment.segmentLoss(randn([2, 19, 32, 32]), randint(0, 19, [2, 32, 32]), { ignoreIndex: 255 });
 */
export function segmentLoss(
  outputs: Tensor | SegmenterOutputs,
  target: Tensor,
  options: SegmentLossOptions = {},
): Tensor {
  checkPositions('segmentLoss', arguments, 3);
  checkOptions('segmentLoss', options, [...OHEM, 'auxWeight', 'ohem']);
  const { auxWeight = 0.4, ohem = false, ...others } = options;
  checkNumber('segmentLoss', 'auxWeight', auxWeight, 0);
  const isUsed = (name: string) => ohem || !['threshold', 'minKept'].includes(name);
  const unused = Object.keys(others).find((name) => !isUsed(name));
  if (unused !== undefined)
    throw new RangeError(`Expected ohem: true beside segmentLoss ${unused}, got none; leave ${unused} out`);
  const { out, aux } = outputs instanceof Tensor ? { out: outputs, aux: undefined } : outputs;
  const loss = ohem ? ohemCrossEntropy(out, target, others) : meanLoss(out, target, others);
  return aux === undefined ? loss : loss.add(meanLoss(aux, target, others), { alpha: auxWeight });
}

function meanLoss(scores: Tensor, target: Tensor, { weight = null, ignoreIndex = 255 }: OhemOptions): Tensor {
  checkTensors('segmentLoss', scores, target);
  const isEmpty = !noGrad(() => Boolean(target.ne(ignoreIndex).any().item()));
  return crossEntropy(scores, target, { weight, ignoreIndex, reduction: isEmpty ? 'sum' : 'mean' });
}

function checkTensors(owner: string, scores: unknown, target: unknown): void {
  if (!(scores instanceof Tensor))
    throw new TypeError(`Expected a Tensor for ${owner} scores, got ${describeValue(scores)}`);
  if (!(target instanceof Tensor))
    throw new TypeError(`Expected a Tensor for ${owner} target, got ${describeValue(target)}`);
  if (target.dtype !== 'int64')
    throw new TypeError(`Expected int64 for ${owner} target, got ${target.dtype}`);
  const [batch, , height, width] = scores.shape;
  if (scores.dim() === 4 && target.shape.join() === [batch, height, width].join()) return;
  throw new RangeError(
    `Expected scores (N, C, H, W) and a target (N, H, W) for ${owner}, got [${scores.shape.join(', ')}] and [${target.shape.join(', ')}]`,
  );
}
