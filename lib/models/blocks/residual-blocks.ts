import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import { BatchNorm2d, Conv2d, type InstanceNorm2d, Module, ReLU, type Sequential } from '../../nn/index.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { release, temporaries } from '../../tensor/scope.ts';
import { normRelu, residualEnd } from './fused-norm.ts';
import { type IBN, IBN_c } from './ibn.ts';
import { firstNorm, type IBNPlacement, lastNorm, secondNorm } from './placement.ts';
import { SELayer } from './se-layer.ts';

/** Options of a residual block. */
export interface BlockOptions {
  ibn?: IBNPlacement;
  /** Default 1. */
  stride?: number;
  /** Of the 3x3 convolutions. Default 1. */
  dilation?: number;
  /** Groups of the 3x3 convolution, the `cardinality` of ResNeXt. Default 1; `BasicBlock_IBN` has no other. */
  groups?: number;
  /** Width of a group for 64 planes. Default 64; `BasicBlock_IBN` has no other. */
  baseWidth?: number;
  /** Brings the residual to the block's output shape. */
  downsample?: Sequential | null;
  /** Share of instance normalisation in IBN layers. Default 0.5. */
  ratio?: number;
  /** Scale the channels before the addition by an SELayer. Default false. */
  se?: boolean;
}

const BLOCK_OPTIONS = ['ibn', 'stride', 'dilation', 'groups', 'baseWidth', 'downsample', 'ratio', 'se'];

/** A residual block class: `BasicBlock_IBN`, `Bottleneck_IBN` or `SEBottleneck_IBN`. */
export interface BlockClass {
  new (inplanes: number, planes: number, options?: BlockOptions): BasicBlock_IBN | Bottleneck_IBN;
  readonly expansion: number;
}

/** 1x1 convolution without bias. */
export function conv1x1(inplanes: number, planes: number, stride = 1): Conv2d {
  return new Conv2d(inplanes, planes, 1, { stride, bias: false });
}

function conv3x3(inplanes: number, planes: number, { stride = 1, dilation = 1, groups = 1 } = {}): Conv2d {
  return new Conv2d(inplanes, planes, 3, { stride, padding: dilation, dilation, groups, bias: false });
}

/** Two 3x3 convolutions around which the input is added: the block of ResNet-18 and -34. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: accessors of two types, which only an interface can have without code
export class BasicBlock_IBN extends Module {
  static readonly expansion: number = 1;

  constructor(inplanes: number, planes: number, options: BlockOptions = {}) {
    checkPositions('BasicBlock_IBN', arguments, 3);
    super();
    checkOptions('BasicBlock_IBN', options, BLOCK_OPTIONS);
    const { ibn = null, stride = 1, dilation = 1, downsample = null, ratio = 0.5, se = false } = options;
    if ((options.groups ?? 1) !== 1 || (options.baseWidth ?? 64) !== 64) {
      throw new RangeError(
        `Expected groups 1 and baseWidth 64 for BasicBlock_IBN, got ${options.groups} and ${options.baseWidth}`,
      );
    }
    this.conv1 = conv3x3(inplanes, planes, { stride, dilation });
    this.bn1 = firstNorm(planes, ibn, ratio);
    this.relu = new ReLU({ inplace: true });
    this.conv2 = conv3x3(this.bn1 instanceof IBN_c ? 2 * planes : planes, planes, { dilation });
    this.bn2 = secondNorm(planes, ibn, ratio);
    this.IN = lastNorm(planes, ibn, ratio);
    this.se = se ? new SELayer(planes) : null;
    this.downsample = downsample;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const residual = this.downsample === null ? x : call(this.downsample, x);
      let out = call(this.conv1, x); // (N, planes, H / stride, W / stride)
      out = normRelu(this.bn1, this.relu, out);
      out = forwardThenRelease(this.conv2, out);
      out = residualEnd(out, residual, { norm: this.bn2, se: this.se, IN: this.IN, relu: this.relu });
      if (residual !== x) release(residual);
      return out;
    });
  }
}

/** Parts: each reads as what the constructor put there and takes any module in its place (`model.fc = new nn.Identity()`). */
export interface BasicBlock_IBN {
  get conv1(): Conv2d;
  set conv1(module: Module);
  get bn1(): IBN | IBN_c | BatchNorm2d;
  set bn1(module: Module);
  get relu(): ReLU;
  set relu(module: Module);
  get conv2(): Conv2d;
  set conv2(module: Module);
  get bn2(): IBN | BatchNorm2d;
  set bn2(module: Module);
  get IN(): InstanceNorm2d | null;
  set IN(module: Module | null);
  get se(): SELayer | null;
  set se(module: Module | null);
  get downsample(): Sequential | null;
  set downsample(module: Module | null);
}

/** 1x1, 3x3 and 1x1 convolutions around which the input is added: the block of the deeper networks. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: accessors of two types, which only an interface can have without code
export class Bottleneck_IBN extends Module {
  static readonly expansion: number = 4;

  constructor(inplanes: number, planes: number, options: BlockOptions = {}) {
    checkPositions('Bottleneck_IBN', arguments, 3);
    super();
    checkOptions(new.target.name, options, BLOCK_OPTIONS);
    const { ibn = null, stride = 1, dilation = 1, groups = 1, baseWidth = 64 } = options;
    const { downsample = null, ratio = 0.5, se = false } = options;
    const width = Math.floor(planes * (baseWidth / 64)) * groups;
    const outplanes = planes * Bottleneck_IBN.expansion;
    this.conv1 = conv1x1(inplanes, width);
    this.bn1 = firstNorm(width, ibn, ratio);
    const between = this.bn1 instanceof IBN_c ? 2 * width : width;
    this.conv2 = conv3x3(between, width, { stride, dilation, groups });
    this.bn2 = secondNorm(width, ibn, ratio);
    this.conv3 = conv1x1(width, outplanes);
    this.bn3 = new BatchNorm2d(outplanes);
    this.IN = lastNorm(outplanes, ibn, ratio);
    this.relu = new ReLU({ inplace: true });
    this.se = se ? new SELayer(outplanes) : null;
    this.downsample = downsample;
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const residual = this.downsample === null ? x : call(this.downsample, x);
      let out = call(this.conv1, x); // (N, width, H, W)
      out = normRelu(this.bn1, this.relu, out);
      out = forwardThenRelease(this.conv2, out); // (N, width, H / stride, W / stride)
      out = normRelu(this.bn2, this.relu, out);
      out = forwardThenRelease(this.conv3, out); // (N, 4 planes, H / stride, W / stride)
      out = residualEnd(out, residual, { norm: this.bn3, se: this.se, IN: this.IN, relu: this.relu });
      if (residual !== x) release(residual);
      return out;
    });
  }
}

/** Parts: each reads as what the constructor put there and takes any module in its place (`model.fc = new nn.Identity()`). */
export interface Bottleneck_IBN {
  get conv1(): Conv2d;
  set conv1(module: Module);
  get bn1(): IBN | IBN_c | BatchNorm2d;
  set bn1(module: Module);
  get conv2(): Conv2d;
  set conv2(module: Module);
  get bn2(): IBN | BatchNorm2d;
  set bn2(module: Module);
  get conv3(): Conv2d;
  set conv3(module: Module);
  get bn3(): BatchNorm2d;
  set bn3(module: Module);
  get IN(): InstanceNorm2d | null;
  set IN(module: Module | null);
  get relu(): ReLU;
  set relu(module: Module);
  get se(): SELayer | null;
  set se(module: Module | null);
  get downsample(): Sequential | null;
  set downsample(module: Module | null);
}
