import { AdaptiveAvgPool2d, AdaptiveMaxPool2d, Module, Parameter } from '../../../nn/index.ts';
import { checkPositions } from '../../../options.ts';
import { full, isGradEnabled, noGrad, ops, type Tensor } from '../../../tensor/index.ts';
import { temporaries } from '../../../tensor/scope.ts';
import { checkNumber } from '../checks.ts';

/** Gives the map as it is. */
export class IdentityPool extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** The whole map as one vector: (N, C, H, W) -> (N, C H W, 1, 1). */
export class FlattenPool extends Module {
  forward(x: Tensor): Tensor {
    return temporaries(() => ops.aten.view(x.contiguous(), [x.shape[0] as number, -1, 1, 1]));
  }
}

/** Mean of each channel: (N, C, H, W) -> (N, C, 1, 1). */
export class GlobalAvgPool extends AdaptiveAvgPool2d {
  constructor() {
    checkPositions('GlobalAvgPool', arguments, 0);
    super(1);
  }
}

/** Largest value of each channel: (N, C, H, W) -> (N, C, 1, 1). */
export class GlobalMaxPool extends AdaptiveMaxPool2d {
  constructor() {
    checkPositions('GlobalMaxPool', arguments, 0);
    super(1);
  }
}

/** Mean of each channel, added up along the map: (N, C, H, W) -> (N, C, 1, 1). */
export class FastGlobalAvgPool extends Module {
  forward(x: Tensor): Tensor {
    return ops.aten.mean(x, [2, 3], true);
  }
}

/** The mean of each channel and its largest value, added: (N, C, H, W) -> (N, C, 1, 1). */
export class AdaptiveAvgMaxPool extends Module {
  gap = new FastGlobalAvgPool();
  gmp = new GlobalMaxPool();

  forward(x: Tensor): Tensor {
    return temporaries(() => ops.aten.add(this.gap.forward(x), this.gmp.forward(x)));
  }
}

/** Mean of each channel, held between 0 and 1: (N, C, H, W) -> (N, C, 1, 1). */
export class ClipGlobalAvgPool extends Module {
  avgpool = new FastGlobalAvgPool();

  forward(x: Tensor): Tensor {
    return temporaries(() => ops.aten.clamp(this.avgpool.forward(x), 0, 1));
  }
}

/**
 * GeM: the `p`-th root of the mean of `p`-th powers: the mean for 1, nearer to the largest value the greater `p` is.
 * Values below 1e-6 count as that. (N, C, H, W) -> (N, C, 1, 1).
 */
export class GeneralizedMeanPooling extends Module {
  p: number | Parameter;

  constructor(p: number | Parameter = 3) {
    checkPositions('GeneralizedMeanPooling', arguments, 1);
    if (!(p instanceof Parameter)) checkNumber('GeneralizedMeanPooling', 'p', p);
    super();
    this.p = p;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const positive = ops.aten.clamp(x, 1e-6);
      const p = this.exponent();
      if (typeof p === 'number') {
        const mean = ops.aten.adaptive_avg_pool2d(ops.aten.pow(positive, p), [1, 1]);
        return ops.aten.pow(mean, 1 / p);
      }
      const mean = ops.aten.adaptive_avg_pool2d(ops.aten.pow(positive, p), [1, 1]);
      return ops.aten.pow(mean, ops.aten.reciprocal(p));
    });
  }

  /** A number where nothing is learnt from it. */
  private exponent(): number | Tensor {
    const { p } = this;
    if (typeof p === 'number') return p;
    return isGradEnabled() ? p : noGrad(() => p.item() as number);
  }
}

/** GeM whose exponent is learnt: key `p`, 3 at the start. */
export class GeneralizedMeanPoolingP extends GeneralizedMeanPooling {
  constructor() {
    checkPositions('GeneralizedMeanPoolingP', arguments, 0);
    super(new Parameter(full([1], 3)));
  }
}

/** Poolings by fast-reid's `MODEL.HEADS.POOL_LAYER`. */
export const POOLINGS = {
  Identity: IdentityPool,
  Flatten: FlattenPool,
  GlobalAvgPool,
  GlobalMaxPool,
  GeneralizedMeanPooling,
  GeneralizedMeanPoolingP,
  FastGlobalAvgPool,
  AdaptiveAvgMaxPool,
  ClipGlobalAvgPool,
} as const;

/** Name of a pooling. */
export type PoolLayer = keyof typeof POOLINGS;
