import { call, forwardThenRelease } from '../../../nn/forward-then-release.ts';
import { AvgPool2d, Conv2d, init, Linear, MaxPool2d, Module, Sequential } from '../../../nn/index.ts';
import { checkOptions, checkPositions } from '../../../options.ts';
import type { Tensor } from '../../../tensor/index.ts';
import { temporaries } from '../../../tensor/scope.ts';
import { ConvNorm, OSBlock, OSBlockAIN } from './osnet-blocks.ts';

/** Widths of OSNet's stages by name. */
export const OSNET_CHANNELS = {
  x1_0: [64, 256, 384, 512],
  x0_75: [48, 192, 288, 384],
  x0_5: [32, 128, 192, 256],
  x0_25: [16, 64, 96, 128],
} as const;

/** A width of OSNet. */
export type OSNetWidth = keyof typeof OSNET_CHANNELS;

/**
 * Where OSNet has instance normalisation: nowhere, as IBN-b in stem and first stage, or on the branches where a search
 * put it (OSNet-AIN).
 */
export type OSNetKind = 'plain' | 'ibn' | 'ain';

/** Which blocks of the three stages of OSNet-AIN have instance normalisation. */
const AIN_BLOCKS = [
  [true, true],
  [false, true],
  [true, false],
] as const;

/** Which OSNet. */
export interface OSNetSettings {
  readonly channels: readonly [number, number, number, number];
  readonly kind: OSNetKind;
}

/**
 * OSNet without its end: (N, 3, H, W) -> (N, C, H / 16, W / 16). Keys `conv1` to `conv5`; OSNet-AIN has the layers that
 * halve the map beside the stages, as `pool2` and `pool3`, the others at their ends.
 */
export class OSNetFeatures extends Module {
  /** Channels of the map it gives. */
  readonly mapChannels: number;
  conv1: ConvNorm;
  maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
  conv2: Sequential;
  pool2: Sequential | null;
  conv3: Sequential;
  pool3: Sequential | null;
  conv4: Sequential;
  conv5: ConvNorm;

  constructor(settings: OSNetSettings) {
    checkPositions('OSNetFeatures', arguments, 1);
    super();
    checkOptions('OSNetFeatures', settings, ['channels', 'kind']);
    const { channels, kind } = settings;
    const [stem, first, second, third] = channels;
    const norm = kind === 'plain' ? 'batch' : 'instance';
    this.conv1 = new ConvNorm(3, stem, 7, { stride: 2, padding: 3, norm });
    this.conv2 = stage(kind, 0, stem, first);
    this.pool2 = kind === 'ain' ? shrink(first) : null;
    if (kind !== 'ain') this.conv2.add(shrink(first));
    this.conv3 = stage(kind, 1, first, second);
    this.pool3 = kind === 'ain' ? shrink(second) : null;
    if (kind !== 'ain') this.conv3.add(shrink(second));
    this.conv4 = stage(kind, 2, second, third);
    this.conv5 = new ConvNorm(third, third, 1);
    this.mapChannels = third;
  }

  /** The last map. */
  featuremaps(x: Tensor): Tensor {
    const { maxpool, conv2, pool2, conv3, pool3, conv4, conv5 } = this;
    const stages = [maxpool, conv2, pool2, conv3, pool3, conv4, conv5].filter((part) => part !== null);
    return temporaries(() =>
      stages.reduce((out: Tensor, part) => forwardThenRelease(part, out), call(this.conv1, x)),
    );
  }

  forward(x: Tensor): Tensor | [Tensor, Tensor] {
    return this.featuremaps(x);
  }
}

function stage(kind: OSNetKind, index: 0 | 1 | 2, inplanes: number, planes: number): Sequential {
  const Block = kind === 'ain' ? OSBlockAIN : OSBlock;
  const isFirstIbn = kind === 'ibn' && index === 0;
  const [first, second] = kind === 'ain' ? AIN_BLOCKS[index] : [isFirstIbn, isFirstIbn];
  return new Sequential(new Block(inplanes, planes, first), new Block(planes, planes, second));
}

const shrink = (channels: number): Sequential =>
  new Sequential(new ConvNorm(channels, channels, 1), new AvgPool2d(2, { stride: 2 }));

/** Draws an OSNet's weights as the published code does. */
export function initOSNet(network: Module): void {
  for (const module of network.modules()) {
    if (module instanceof Conv2d) {
      init.kaimingNormal_(module.weight, { mode: 'fan_out', nonlinearity: 'relu' });
    } else if (module instanceof Linear) init.normal_(module.weight, 0, 0.01);
    else continue;
    if (module.bias !== null) init.zeros_(module.bias);
  }
}
