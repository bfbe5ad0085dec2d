import { call, forwardThenRelease } from '../../../nn/forward-then-release.ts';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  Sigmoid,
} from '../../../nn/index.ts';
import { checkOptions, checkPositions } from '../../../options.ts';
import { ops, type Tensor } from '../../../tensor/index.ts';
import { release, temporaries } from '../../../tensor/scope.ts';

/** Squeeze and excitation by 1x1 convolutions with biases. (N, C, H, W) -> (N, C, H, W). Keys `fc1`, `fc2`. */
export class SEModule extends Module {
  avg_pool = new AdaptiveAvgPool2d(1);
  fc1: Conv2d;
  relu = new ReLU({ inplace: true });
  fc2: Conv2d;
  sigmoid = new Sigmoid();

  constructor(channels: number, reduction: number) {
    checkPositions('SEModule', arguments, 2);
    super();
    const hidden = Math.floor(channels / reduction);
    this.fc1 = new Conv2d(channels, hidden, 1);
    this.fc2 = new Conv2d(hidden, channels, 1);
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      let scale = call(this.avg_pool, x); // (N, C, 1, 1)
      for (const part of [this.fc1, this.relu, this.fc2, this.sigmoid]) {
        scale = forwardThenRelease(part, scale);
      }
      return ops.aten.mul(x, scale);
    });
  }
}

/** The block of a network: where it strides, and how wide it is. */
export type SEBlockKind = 'senet' | 'se_resnet' | 'se_resnext';

interface Widths {
  readonly first: number;
  readonly second: number;
  readonly firstStride: number;
  readonly secondStride: number;
}

/** SE-ResNet strides in its first convolution, as Caffe's networks do; the others in the 3x3 one. */
function widthsOf(kind: SEBlockKind, planes: number, groups: number, stride: number): Widths {
  if (kind === 'se_resnet') return { first: planes, second: planes, firstStride: stride, secondStride: 1 };
  if (kind === 'senet')
    return { first: 2 * planes, second: 4 * planes, firstStride: 1, secondStride: stride };
  const width = Math.floor(planes * (4 / 64)) * groups;
  return { first: width, second: width, firstStride: 1, secondStride: stride };
}

/** A bottleneck block with squeeze and excitation before the addition. Key `se_module`. */
export class SEBottleneck extends Module {
  conv1: Conv2d;
  bn1: BatchNorm2d;
  conv2: Conv2d;
  bn2: BatchNorm2d;
  conv3: Conv2d;
  bn3: BatchNorm2d;
  relu = new ReLU({ inplace: true });
  se_module: SEModule;
  downsample: Sequential | null;

  constructor(
    kind: SEBlockKind,
    inplanes: number,
    planes: number,
    options: { groups: number; reduction: number; stride?: number; downsample?: Sequential | null },
  ) {
    checkPositions('SEBottleneck', arguments, 4);
    super();
    checkOptions('SEBottleneck', options, ['groups', 'reduction', 'stride', 'downsample']);
    const { groups, reduction, stride = 1, downsample = null } = options;
    const { first, second, firstStride, secondStride } = widthsOf(kind, planes, groups, stride);
    this.conv1 = new Conv2d(inplanes, first, 1, { stride: firstStride, bias: false });
    this.bn1 = new BatchNorm2d(first);
    this.conv2 = new Conv2d(first, second, 3, { stride: secondStride, padding: 1, groups, bias: false });
    this.bn2 = new BatchNorm2d(second);
    this.conv3 = new Conv2d(second, 4 * planes, 1, { bias: false });
    this.bn3 = new BatchNorm2d(4 * planes);
    this.se_module = new SEModule(4 * planes, reduction);
    this.downsample = downsample;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const residual = this.downsample === null ? x : call(this.downsample, x);
      let out = call(this.conv1, x);
      for (const part of [this.bn1, this.relu, this.conv2, this.bn2, this.relu, this.conv3, this.bn3]) {
        out = forwardThenRelease(part, out);
      }
      out = ops.aten.add_(forwardThenRelease(this.se_module, out), residual);
      if (residual !== x) release(residual);
      return forwardThenRelease(this.relu, out);
    });
  }
}

/** Which SENet. */
export interface SENetSettings {
  readonly kind: SEBlockKind;
  readonly layers: readonly [number, number, number, number];
  readonly groups: number;
  readonly lastStride: 1 | 2;
}

/**
 * reid-strong-baseline's SENet without its end: (N, 3, H, W) -> (N, 2048, H / 16, W / 16), or H / 32 with `lastStride` 2.
 * Keys `layer0.conv1` to `layer4`.
 */
export class SENet extends Module {
  /** Channels of the map it gives. */
  readonly featDim = 2048;
  layer0: Sequential;
  layer1: Sequential;
  layer2: Sequential;
  layer3: Sequential;
  layer4: Sequential;
  /** Nothing calls it, as in the published code. */
  dropout: Dropout | null;

  constructor(settings: SENetSettings) {
    checkPositions('SENet', arguments, 1);
    super();
    checkOptions('SENet', settings, ['kind', 'layers', 'groups', 'lastStride']);
    const { kind, layers, groups, lastStride } = settings;
    const isDeep = kind === 'senet';
    const inplanes = isDeep ? 128 : 64;
    this.layer0 = new Sequential({
      ...(isDeep ? threeConvolutions(inplanes) : oneConvolution(inplanes)),
      pool: new MaxPool2d(3, { stride: 2, ceilMode: true }),
    });
    const make = seStages(kind, groups, inplanes);
    this.layer1 = make(64, layers[0], 1, 1);
    this.layer2 = make(128, layers[1], 2, isDeep ? 3 : 1);
    this.layer3 = make(256, layers[2], 2, isDeep ? 3 : 1);
    this.layer4 = make(512, layers[3], lastStride, isDeep ? 3 : 1);
    this.dropout = isDeep ? new Dropout(0.2) : null;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      let out = call(this.layer0, x); // (N, 64 or 128, H / 4, W / 4)
      for (const stage of [this.layer1, this.layer2, this.layer3, this.layer4]) {
        out = forwardThenRelease(stage, out);
      }
      return out;
    });
  }
}

function oneConvolution(planes: number): Record<string, Module> {
  return {
    conv1: new Conv2d(3, planes, 7, { stride: 2, padding: 3, bias: false }),
    bn1: new BatchNorm2d(planes),
    relu1: new ReLU({ inplace: true }),
  };
}

function threeConvolutions(planes: number): Record<string, Module> {
  return {
    conv1: new Conv2d(3, 64, 3, { stride: 2, padding: 1, bias: false }),
    bn1: new BatchNorm2d(64),
    relu1: new ReLU({ inplace: true }),
    conv2: new Conv2d(64, 64, 3, { padding: 1, bias: false }),
    bn2: new BatchNorm2d(64),
    relu2: new ReLU({ inplace: true }),
    conv3: new Conv2d(64, planes, 3, { padding: 1, bias: false }),
    bn3: new BatchNorm2d(planes),
    relu3: new ReLU({ inplace: true }),
  };
}

type StageMaker = (planes: number, blocks: number, stride: number, window: number) => Sequential;

/** Builds the stages in turn; `window` is the downsampling convolution's. */
function seStages(kind: SEBlockKind, groups: number, from: number): StageMaker {
  let inplanes = from;
  const shared = { groups, reduction: 16 };
  return (planes, blocks, stride, window) => {
    const width = 4 * planes;
    const padding = window === 3 ? 1 : 0;
    // Built before the block's own convolutions: the order in which random numbers are drawn.
    const downsample =
      stride === 1 && inplanes === width
        ? null
        : new Sequential(
            new Conv2d(inplanes, width, window, { stride, padding, bias: false }),
            new BatchNorm2d(width),
          );
    const stage = new Sequential(new SEBottleneck(kind, inplanes, planes, { ...shared, stride, downsample }));
    inplanes = width;
    for (let i = 1; i < blocks; i++) stage.add(new SEBottleneck(kind, inplanes, planes, shared));
    return stage;
  };
}
