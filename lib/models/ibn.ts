import { BatchNorm2d, InstanceNorm2d, Module } from '../nn/index.ts';
import { step } from '../nn/step.ts';
import { ops, type Tensor } from '../tensor/index.ts';

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
  static override disposesTemporaries = true;

  IN: InstanceNorm2d | null;
  BN: BatchNorm2d | null;
  /** Channels that go through `IN`. */
  readonly instanceChannels: number;
  readonly planes: number;

  /**
   * @param planes Channels of the input.
   * @param ratio Share of them for instance normalisation, 0 to 1, rounded down. Default 0.5.
   */
  constructor(planes: number, ratio = 0.5) {
    super();
    if (!(ratio >= 0 && ratio <= 1))
      throw new RangeError(`Expected a ratio from 0 to 1 for IBN, got ${ratio}`);
    this.planes = planes;
    this.instanceChannels = Math.trunc(planes * ratio);
    this.IN = this.instanceChannels > 0 ? new InstanceNorm2d(this.instanceChannels, { affine: true }) : null;
    this.BN = this.instanceChannels < planes ? new BatchNorm2d(planes - this.instanceChannels) : null;
  }

  forward(x: Tensor): Tensor {
    if (this.IN === null) return this.BN === null ? x : this.BN.forward(x);
    if (this.BN === null) return this.IN.forward(x);
    const [first, rest] = ops.aten.split_with_sizes(
      x,
      [this.instanceChannels, this.planes - this.instanceChannels],
      1,
    ) as [Tensor, Tensor];
    // instance_norm makes its input contiguous itself; batch_norm is much slower on a strided one.
    const parts = [step(this.IN, first), step(this.BN, rest.contiguous())];
    return ops.aten.cat(parts, 1);
  }
}
