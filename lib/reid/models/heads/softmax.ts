import { Module } from '../../../nn/index.ts';
import { checkPositions } from '../../../options.ts';
import { noGrad, ops, type Tensor } from '../../../tensor/index.ts';
import { checkCount, checkNumber } from '../checks.ts';

/** What the classifiers of fast-reid do with their scores; a target of -1 has no class among them. */
abstract class SoftmaxLayer extends Module {
  constructor(
    readonly numClasses: number,
    readonly scale: number,
    readonly margin: number,
  ) {
    const { name } = new.target;
    checkPositions(name, arguments, 3);
    checkCount(name, 'numClasses', numClasses);
    checkNumber(name, 'scale', scale);
    checkNumber(name, 'margin', margin);
    super();
  }

  abstract override forward(logits: Tensor, targets: Tensor): Tensor;

  /** 1 where the row's class is, else 0: (N, numClasses). */
  protected isTarget(logits: Tensor, targets: Tensor): Tensor {
    const classes = ops.aten.arange(logits.shape[1] as number, { dtype: 'int64', device: logits.device });
    return ops.aten.eq(targets.unsqueeze(1), classes.unsqueeze(0)).to(logits.dtype);
  }

  override extraRepr(): string {
    return `num_classes=${this.numClasses}, scale=${this.scale}, margin=${this.margin}`;
  }
}

/** Scores times `scale`. */
export class LinearSoftmax extends SoftmaxLayer {
  forward(logits: Tensor, _targets: Tensor): Tensor {
    return logits.mul(this.scale);
  }
}

/** CosFace, which others call AM-Softmax: `margin` off the cosine of the true class. */
export class CosSoftmax extends SoftmaxLayer {
  forward(logits: Tensor, targets: Tensor): Tensor {
    return logits.sub(this.isTarget(logits, targets).mul(this.margin)).mul(this.scale);
  }
}

/** ArcFace: `margin` onto the angle of the true class, in radians. */
export class ArcSoftmax extends SoftmaxLayer {
  forward(logits: Tensor, targets: Tensor): Tensor {
    const angle = logits.acos().add(this.isTarget(logits, targets).mul(this.margin));
    return angle.cos().mul(this.scale);
  }
}

/** Circle loss by classes: each score weighted by how far it is from where it should be. */
export class CircleSoftmax extends SoftmaxLayer {
  forward(logits: Tensor, targets: Tensor): Tensor {
    const { margin } = this;
    const [positive, negative] = noGrad(() => [
      logits.neg().add(1).add(margin).clampMin(0),
      logits.add(margin).clampMin(0),
    ]) as [Tensor, Tensor];
    const isTarget = this.isTarget(logits, targets);
    const ofTarget = positive.mul(logits.sub(1 - margin));
    const ofOthers = negative.mul(logits.sub(margin));
    return ofTarget
      .mul(isTarget)
      .add(ofOthers.mul(isTarget.neg().add(1)))
      .mul(this.scale);
  }
}

/** Classifiers by fast-reid's `MODEL.HEADS.CLS_LAYER`. */
export const SOFTMAX_LAYERS = { Linear: LinearSoftmax, CosSoftmax, ArcSoftmax, CircleSoftmax } as const;

/** Name of a classifier. */
export type ClsLayer = keyof typeof SOFTMAX_LAYERS;
