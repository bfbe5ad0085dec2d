import { checkOptions, checkPositions } from '../../options.ts';
import { type Device, type DType, empty, ops, type Tensor } from '../../tensor/index.ts';
import * as init from '../init/init.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';
import { pythonRepr } from '../module/repr.ts';
import { checkCount, checkedPair, type Size2 } from '../sizes.ts';
import { tensorOptions } from './place.ts';

/** How the border of the input is filled. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/** Options of Conv2d. */
export interface Conv2dOptions {
  /** Default 1. */
  stride?: Size2;
  /** Default 0. `'same'` keeps the size (stride 1 only), `'valid'` is 0. */
  padding?: Size2 | 'same' | 'valid';
  /** Default 1. */
  dilation?: Size2;
  /** Default 1; divides both channel counts. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Default `'zeros'`. */
  paddingMode?: PaddingMode;
  device?: Device;
  dtype?: DType;
}

const OPTIONS = ['stride', 'padding', 'dilation', 'groups', 'bias', 'paddingMode', 'device', 'dtype'];
const PADDING_MODES: readonly string[] = ['zeros', 'reflect', 'replicate', 'circular'];

/**
 * 2-D convolution: (N, C, H, W) -> (N, out, H', W'). Weights start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), drawn
 * as PyTorch draws them.
 *
 * @example
 * new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
 */
export class Conv2d extends Module {
  weight: Parameter;
  bias: Parameter | null;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: [number, number];
  stride: [number, number];
  padding: [number, number] | 'same' | 'valid';
  dilation: [number, number];
  readonly groups: number;
  readonly paddingMode: PaddingMode;

  constructor(inChannels: number, outChannels: number, kernelSize: Size2, options: Conv2dOptions = {}) {
    checkPositions('Conv2d', arguments, 4);
    super();
    checkOptions('Conv2d', options, OPTIONS);
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, paddingMode = 'zeros' } = options;
    checkChannels(inChannels, outChannels, groups);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = checkedPair('Conv2d', 'kernelSize', kernelSize, 1);
    this.stride = checkedPair('Conv2d', 'stride', stride, 1);
    this.padding = checkPadding(padding, this.stride);
    this.dilation = checkedPair('Conv2d', 'dilation', dilation, 1);
    this.groups = groups;
    this.paddingMode = checkPaddingMode(paddingMode);
    const place = tensorOptions(options);
    this.weight = new Parameter(empty([outChannels, inChannels / groups, ...this.kernelSize], place));
    this.bias = bias ? new Parameter(empty([outChannels], place)) : null;
    this.resetParameters();
  }

  /** Draws the weights anew. */
  resetParameters(): void {
    init.kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias === null) return;
    const bound = 1 / Math.sqrt((this.inChannels / this.groups) * this.kernelSize[0] * this.kernelSize[1]);
    init.uniform_(this.bias, -bound, bound);
  }

  forward(x: Tensor): Tensor {
    const { weight, bias, stride, padding, dilation, groups } = this;
    if (this.paddingMode !== 'zeros') {
      return ops.aten.conv2d(padded(this, x), weight, bias, stride, [0, 0], dilation, groups);
    }
    if (typeof padding === 'string') {
      return ops.aten.conv2d.padding(x, weight, bias, stride, padding, dilation, groups);
    }
    return ops.aten.conv2d(x, weight, bias, stride, padding, dilation, groups);
  }

  override extraRepr(): string {
    const { padding, dilation, groups, paddingMode } = this;
    const parts = [
      `${this.inChannels}, ${this.outChannels}`,
      `kernel_size=${pythonRepr(this.kernelSize)}`,
      `stride=${pythonRepr(this.stride)}`,
    ];
    if (typeof padding === 'string' || padding.some((n) => n !== 0))
      parts.push(`padding=${pythonRepr(padding)}`);
    if (dilation.some((n) => n !== 1)) parts.push(`dilation=${pythonRepr(dilation)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (this.bias === null) parts.push('bias=False');
    if (paddingMode !== 'zeros') parts.push(`padding_mode=${paddingMode}`);
    return parts.join(', ');
  }
}

/** `x` with a border of another kind than zeros. */
function padded(conv: Conv2d, x: Tensor): Tensor {
  const [top, bottom] = sidesOf(conv, 0);
  const [left, right] = sidesOf(conv, 1);
  return ops.aten.pad(x, [left, right, top, bottom], conv.paddingMode);
}

function sidesOf({ padding, dilation, kernelSize }: Conv2d, dim: 0 | 1): [number, number] {
  if (padding === 'valid') return [0, 0];
  if (padding !== 'same') return [padding[dim], padding[dim]];
  const total = dilation[dim] * (kernelSize[dim] - 1);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

function checkChannels(inChannels: number, outChannels: number, groups: number): void {
  checkCount('Conv2d', 'inChannels', inChannels, 1);
  checkCount('Conv2d', 'outChannels', outChannels, 1);
  checkCount('Conv2d', 'groups', groups, 1);
  for (const [name, channels] of [
    ['inChannels', inChannels],
    ['outChannels', outChannels],
  ] as const) {
    if (channels % groups === 0) continue;
    throw new RangeError(`Expected Conv2d ${name} to be divisible by groups, got ${channels} and ${groups}`);
  }
}

function checkPadding(
  padding: Size2 | 'same' | 'valid',
  stride: [number, number],
): [number, number] | 'same' | 'valid' {
  if (typeof padding !== 'string') return checkedPair('Conv2d', 'padding', padding, 0);
  if (padding !== 'same' && padding !== 'valid') {
    throw new RangeError(`Expected "same", "valid" or numbers for Conv2d padding, got "${padding}"`);
  }
  if (padding === 'same' && stride.some((n) => n !== 1)) {
    throw new RangeError(`Expected stride 1 for Conv2d with padding "same", got ${pythonRepr(stride)}`);
  }
  return padding;
}

function checkPaddingMode(mode: PaddingMode): PaddingMode {
  if (PADDING_MODES.includes(mode)) return mode;
  throw new RangeError(`Expected paddingMode ${PADDING_MODES.join(', ')} for Conv2d, got "${mode}"`);
}
