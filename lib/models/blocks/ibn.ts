import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import { fusedNorm, type NormParts } from '../../nn/ibn-ops.ts';
import { BatchNorm2d, InstanceNorm2d, Module } from '../../nn/index.ts';
import { checkPositions, describeValue } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';

/** @throws RangeError unless `ratio` is from 0 to 1. */
export function checkRatio(owner: string, ratio: number): void {
  if (typeof ratio === 'number' && ratio >= 0 && ratio <= 1) return;
  throw new RangeError(`Expected a ratio from 0 to 1 for ${owner}, got ${describeValue(ratio)}`);
}

/** @throws RangeError unless `planes` is a number of channels. */
export function checkPlanes(owner: string, planes: number): void {
  if (Number.isInteger(planes) && planes >= 1) return;
  throw new RangeError(`Expected a number of channels for ${owner} planes, got ${describeValue(planes)}`);
}

/** The first `count` channels, and the rest. */
export function splitChannels(x: Tensor, count: number): [Tensor, Tensor] {
  return ops.aten.split_with_sizes(x, [count, (x.shape[1] as number) - count], 1) as [Tensor, Tensor];
}

/**
 * Instance-batch normalisation: the first `ratio` of the channels go through InstanceNorm2d, the rest through
 * BatchNorm2d. (N, C, H, W) -> (N, C, H, W). Keys `IN.*` and `BN.*`.
 *
 * The published layer splits into chunks of equal size and so fails for ratios below one half and for 1; this one
 * takes the two sizes as they are, and has only `BN` at 0 and only `IN` at 1.
 *
 * @example
 * new models.IBN(64); // 32 channels IN, 32 channels BN
 */
export class IBN extends Module {
  IN: InstanceNorm2d | null;
  BN: BatchNorm2d | null;
  /** Channels that go through `IN`. */
  readonly instanceChannels: number;
  readonly planes: number;
  /** Whether both parts are one op on the CPU; see `nn.utils.fuseNorms`. Default false. */
  fused = false;

  /**
   * @param planes Channels of the input.
   * @param ratio Share of them for instance normalisation, 0 to 1, rounded down. Default 0.5.
   */
  constructor(planes: number, ratio = 0.5) {
    checkPositions('IBN', arguments, 2);
    super();
    checkPlanes('IBN', planes);
    checkRatio('IBN', ratio);
    this.planes = planes;
    this.instanceChannels = Math.trunc(planes * ratio);
    this.IN = this.instanceChannels > 0 ? new InstanceNorm2d(this.instanceChannels, { affine: true }) : null;
    this.BN = this.instanceChannels < planes ? new BatchNorm2d(planes - this.instanceChannels) : null;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      if (this.IN === null) return this.BN === null ? x : call(this.BN, x);
      if (this.BN === null) return call(this.IN, x);
      const fused = fusedNorm(x, this);
      if (fused !== undefined) return fused;
      const [first, rest] = splitChannels(x, this.instanceChannels);
      // instance_norm makes its input contiguous itself; batch_norm is much slower on a strided one.
      const parts = [forwardThenRelease(this.IN, first), forwardThenRelease(this.BN, rest.contiguous())];
      return ops.aten.cat(parts, 1);
    });
  }

  /** What one op has to do for this layer. */
  normParts(): NormParts {
    const { IN, BN, instanceChannels, planes } = this;
    return { owner: this, instance: IN, batch: BN, start: 0, end: instanceChannels, channels: planes };
  }
}

/**
 * The norm of IBN-c (Fig. 4 of the paper): all channels through InstanceNorm2d and, in parallel, all through
 * BatchNorm2d. (N, C, H, W) -> (N, 2 C, H, W). Keys `IN.*` and `BN.*`.
 */
export class IBN_c extends Module {
  IN: InstanceNorm2d;
  BN: BatchNorm2d;

  constructor(planes: number) {
    checkPositions('IBN_c', arguments, 1);
    super();
    this.IN = new InstanceNorm2d(planes, { affine: true });
    this.BN = new BatchNorm2d(planes);
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => ops.aten.cat([call(this.IN, x), call(this.BN, x)], 1));
  }
}

/**
 * The norm of IBN-d (Fig. 4 of the paper): the first `ratio` of the channels go through instance normalisation, the
 * rest pass unchanged. (N, C, H, W) -> (N, C, H, W). Keys `weight` and `bias`, one element per normalised channel.
 */
export class IBN_d extends InstanceNorm2d {
  readonly planes: number;

  /** @param ratio 0 to 1, rounded down; at least one channel. Default 0.5. */
  constructor(planes: number, ratio = 0.5) {
    checkPositions('IBN_d', arguments, 2);
    checkPlanes('IBN_d', planes);
    checkRatio('IBN_d', ratio);
    super(Math.trunc(planes * ratio), { affine: true });
    this.planes = planes;
  }

  override forward(x: Tensor): Tensor {
    return temporaries(() => {
      if (this.numFeatures === this.planes) return super.forward(x);
      const fused = fusedNorm(x, this);
      if (fused !== undefined) return fused;
      const [first, rest] = splitChannels(x, this.numFeatures);
      return ops.aten.cat([super.forward(first), rest], 1);
    });
  }

  /** What one op has to do for this layer. */
  normParts(): NormParts {
    const { numFeatures: end, planes: channels } = this;
    return { owner: this, instance: this, batch: null, start: 0, end, channels };
  }
}
