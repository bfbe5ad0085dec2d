import { normRelu } from '../../../models/blocks/fused-norm.ts';
import { call, forwardThenRelease } from '../../../nn/forward-then-release.ts';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  InstanceNorm2d,
  Module,
  ModuleList,
  ReLU,
  Sequential,
  Sigmoid,
} from '../../../nn/index.ts';
import { checkOptions, checkPositions } from '../../../options.ts';
import { ops, type Tensor } from '../../../tensor/index.ts';
import { release, temporaries } from '../../../tensor/scope.ts';
import { checkCount } from '../checks.ts';

/** Options of {@link ConvNorm}. */
export interface ConvNormOptions {
  stride?: number;
  padding?: number;
  /** Default `'batch'`. */
  norm?: 'batch' | 'instance' | 'none';
  /** Default true. */
  relu?: boolean;
}

/** A convolution, its norm and a ReLU. Keys `conv`, `bn`. */
export class ConvNorm extends Module {
  conv: Conv2d;
  bn: BatchNorm2d | InstanceNorm2d | null;
  relu: ReLU | null;

  constructor(inplanes: number, planes: number, kernelSize: number, options: ConvNormOptions = {}) {
    checkPositions('ConvNorm', arguments, 4);
    super();
    checkOptions('ConvNorm', options, ['stride', 'padding', 'norm', 'relu']);
    const { stride = 1, padding = 0, norm = 'batch', relu = true } = options;
    this.conv = new Conv2d(inplanes, planes, kernelSize, { stride, padding, bias: false });
    const instance = () => new InstanceNorm2d(planes, { affine: true });
    this.bn = norm === 'none' ? null : norm === 'instance' ? instance() : new BatchNorm2d(planes);
    this.relu = relu ? new ReLU() : null;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const out = call(this.conv, x);
      if (this.bn === null) return out;
      return this.relu === null ? forwardThenRelease(this.bn, out) : normRelu(this.bn, this.relu, out);
    });
  }
}

/** A 1x1 convolution and a 3x3 one by each channel. Keys `conv1`, `conv2`, `bn`. */
export class LightConv3x3 extends Module {
  conv1: Conv2d;
  conv2: Conv2d;
  bn: BatchNorm2d;
  relu = new ReLU();

  constructor(channels: number) {
    checkPositions('LightConv3x3', arguments, 1);
    super();
    this.conv1 = new Conv2d(channels, channels, 1, { bias: false });
    this.conv2 = new Conv2d(channels, channels, 3, { padding: 1, bias: false, groups: channels });
    this.bn = new BatchNorm2d(channels);
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const out = forwardThenRelease(this.conv2, call(this.conv1, x));
      return normRelu(this.bn, this.relu, out);
    });
  }
}

/** Several light convolutions in turn. Key `layers`. */
export class LightConvStream extends Module {
  layers: Sequential;

  constructor(channels: number, depth: number) {
    checkPositions('LightConvStream', arguments, 2);
    checkCount('LightConvStream', 'channels', channels);
    checkCount('LightConvStream', 'depth', depth);
    super();
    this.layers = stream(channels, depth);
  }

  forward(x: Tensor): Tensor {
    return call(this.layers, x);
  }
}

const stream = (channels: number, depth: number): Sequential =>
  new Sequential(...Array.from({ length: depth }, () => new LightConv3x3(channels)));

/** Scales each channel by a number from 0 to 1 that the means of all give. Keys `fc1`, `fc2`. */
export class ChannelGate extends Module {
  global_avgpool = new AdaptiveAvgPool2d(1);
  fc1: Conv2d;
  relu = new ReLU({ inplace: true });
  fc2: Conv2d;
  gate_activation = new Sigmoid();

  constructor(channels: number) {
    checkPositions('ChannelGate', arguments, 1);
    super();
    const hidden = Math.floor(channels / 16);
    this.fc1 = new Conv2d(channels, hidden, 1);
    this.fc2 = new Conv2d(hidden, channels, 1);
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      let gate = call(this.global_avgpool, x); // (N, C, 1, 1)
      for (const part of [this.fc1, this.relu, this.fc2, this.gate_activation]) {
        gate = forwardThenRelease(part, gate);
      }
      return ops.aten.mul(x, gate);
    });
  }
}

/** What is done with the streams of a block: each through the gate, added up. */
function gated(gate: ChannelGate, streams: readonly Module[], x: Tensor): Tensor {
  return streams
    .map((module) => forwardThenRelease(gate, call(module, x)))
    .reduce((sum, next) => {
      const added = ops.aten.add(sum, next);
      release(sum);
      release(next);
      return added;
    });
}

/** What follows the streams: back to the block's width, the residual, instance normalisation, ReLU. */
interface BlockEnd {
  readonly conv3: ConvNorm;
  readonly downsample: ConvNorm | null;
  readonly IN: InstanceNorm2d | null;
  readonly relu: ReLU;
}

function endBlock(block: BlockEnd, gathered: Tensor, x: Tensor, isInside: boolean): Tensor {
  let out = forwardThenRelease(block.conv3, gathered);
  if (isInside && block.IN !== null) out = forwardThenRelease(block.IN, out);
  const identity = block.downsample === null ? x : call(block.downsample, x);
  out = ops.aten.add(out, identity);
  if (identity !== x) release(identity);
  return !isInside && block.IN !== null
    ? normRelu(block.IN, block.relu, out)
    : forwardThenRelease(block.relu, out);
}

/** OSNet's block: streams of one to four light convolutions see windows of several sizes. */
export class OSBlock extends Module {
  conv1: ConvNorm;
  conv2a: LightConv3x3;
  conv2b: Sequential;
  conv2c: Sequential;
  conv2d: Sequential;
  gate: ChannelGate;
  conv3: ConvNorm;
  downsample: ConvNorm | null;
  IN: InstanceNorm2d | null;
  relu = new ReLU({ inplace: true });

  /** @param hasIN Instance normalisation after the addition, as IBN-b. */
  constructor(inplanes: number, planes: number, hasIN: boolean) {
    checkPositions('OSBlock', arguments, 3);
    super();
    const middle = Math.floor(planes / 4);
    this.conv1 = new ConvNorm(inplanes, middle, 1);
    this.conv2a = new LightConv3x3(middle);
    this.conv2b = stream(middle, 2);
    this.conv2c = stream(middle, 3);
    this.conv2d = stream(middle, 4);
    this.gate = new ChannelGate(middle);
    this.conv3 = new ConvNorm(middle, planes, 1, { relu: false });
    this.downsample = inplanes === planes ? null : new ConvNorm(inplanes, planes, 1, { relu: false });
    this.IN = hasIN ? new InstanceNorm2d(planes, { affine: true }) : null;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const narrow = call(this.conv1, x);
      const gathered = gated(this.gate, [this.conv2a, this.conv2b, this.conv2c, this.conv2d], narrow);
      release(narrow);
      return endBlock(this, gathered, x, false);
    });
  }
}

/** OSNet-AIN's block; with instance normalisation it stands on the branch, before the addition. */
export class OSBlockAIN extends Module {
  conv1: ConvNorm;
  conv2: ModuleList;
  gate: ChannelGate;
  conv3: ConvNorm;
  downsample: ConvNorm | null;
  IN: InstanceNorm2d | null;
  relu = new ReLU({ inplace: true });

  constructor(inplanes: number, planes: number, hasIN: boolean) {
    checkPositions('OSBlockAIN', arguments, 3);
    super();
    const middle = Math.floor(planes / 4);
    this.conv1 = new ConvNorm(inplanes, middle, 1);
    this.conv2 = new ModuleList([1, 2, 3, 4].map((depth) => new LightConvStream(middle, depth)));
    this.gate = new ChannelGate(middle);
    this.conv3 = new ConvNorm(middle, planes, 1, { relu: false, norm: hasIN ? 'none' : 'batch' });
    this.downsample = inplanes === planes ? null : new ConvNorm(inplanes, planes, 1, { relu: false });
    this.IN = hasIN ? new InstanceNorm2d(planes, { affine: true }) : null;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const narrow = call(this.conv1, x);
      const gathered = gated(this.gate, this.conv2.children(), narrow);
      release(narrow);
      return endBlock(this, gathered, x, true);
    });
  }
}
