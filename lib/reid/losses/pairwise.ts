import { functional as F } from '../../nn/index.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { eye, noGrad, type Tensor } from '../../tensor/index.ts';
import { checkNumber } from '../models/checks.ts';
import { checkFeatures, pairs } from './distances.ts';

/** Options of the pairwise losses. */
export interface PairwiseOptions {
  /** Default 0.25. */
  margin?: number;
  /** Scale. Default 128. */
  gamma?: number;
}

/** Stands for minus infinity, as in the published code. */
const EXCLUDED = -99999999;

interface Similarities {
  readonly sp: Tensor;
  readonly sn: Tensor;
  readonly isPos: Tensor;
  readonly isNeg: Tensor;
  readonly margin: number;
  readonly gamma: number;
}

function similarities(
  owner: string,
  features: Tensor,
  labels: Tensor,
  options: PairwiseOptions,
): Similarities {
  checkOptions(owner, options, ['margin', 'gamma']);
  checkFeatures(owner, features, labels);
  const unit = F.normalize(features, { dim: 1 });
  const cosines = unit.matmul(unit.t());
  const same = pairs(labels);
  const self = eye(features.shape[0] as number, undefined, { dtype: cosines.dtype, device: cosines.device });
  const isPos = same.isPos.to(cosines.dtype).sub(self);
  const isNeg = same.isNeg.to(cosines.dtype);
  return {
    ...{ sp: cosines.mul(isPos), sn: cosines.mul(isNeg), isPos, isNeg },
    margin: checkNumber(owner, 'margin', options.margin ?? 0.25),
    gamma: checkNumber(owner, 'gamma', options.gamma ?? 128),
  };
}

function pairLoss(positive: Tensor, negative: Tensor, { isPos, isNeg }: Similarities): Tensor {
  const sum = (logits: Tensor, mask: Tensor) => logits.add(mask.neg().add(1).mul(EXCLUDED)).logsumexp([1]);
  return F.softplus(sum(positive, isPos).add(sum(negative, isNeg))).mean();
}

/** fast-reid's circle loss of pairs: each similarity weighted by how far it is from where it should be. */
export function pairwiseCircleLoss(features: Tensor, labels: Tensor, options: PairwiseOptions = {}): Tensor {
  checkPositions('pairwiseCircleLoss', arguments, 3);
  const found = similarities('pairwiseCircleLoss', features, labels, options);
  const { sp, sn, margin, gamma } = found;
  const alphaP = noGrad(() =>
    sp
      .neg()
      .add(1 + margin)
      .clampMin(0),
  );
  const alphaN = noGrad(() => sn.add(margin).clampMin(0));
  const positive = alphaP.mul(-gamma).mul(sp.sub(1 - margin));
  const negative = alphaN.mul(gamma).mul(sn.sub(margin));
  return pairLoss(positive, negative, found);
}

/** fast-reid's CosFace loss of pairs. */
export function pairwiseCosface(features: Tensor, labels: Tensor, options: PairwiseOptions = {}): Tensor {
  checkPositions('pairwiseCosface', arguments, 3);
  const found = similarities('pairwiseCosface', features, labels, options);
  const { sp, sn, margin, gamma } = found;
  return pairLoss(sp.mul(-gamma), sn.add(margin).mul(gamma), found);
}
