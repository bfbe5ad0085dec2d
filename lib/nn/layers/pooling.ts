import { checkOptions, checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { Module } from '../module/module.ts';
import { pythonRepr } from '../module/repr.ts';
import { adaptiveSize, checkedPair, type OutputSize, pair, type Size2 } from '../sizes.ts';

/** Options of MaxPool2d. */
export interface MaxPool2dOptions {
  /** Default: the kernel size. */
  stride?: Size2;
  /** Default 0. */
  padding?: Size2;
  /** Default 1. */
  dilation?: Size2;
  /** Round the output size up instead of down. Default false. */
  ceilMode?: boolean;
}

/**
 * Largest value of each window: (N, C, H, W) -> (N, C, H', W').
 *
 * @example
 * new nn.MaxPool2d(3, { stride: 2, padding: 1 });
 */
export class MaxPool2d extends Module {
  readonly kernelSize: Size2;
  readonly stride: Size2;
  readonly padding: Size2;
  readonly dilation: Size2;
  readonly ceilMode: boolean;

  constructor(kernelSize: Size2, options: MaxPool2dOptions = {}) {
    checkPositions('MaxPool2d', arguments, 2);
    super();
    checkOptions('MaxPool2d', options, ['stride', 'padding', 'dilation', 'ceilMode']);
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.ceilMode = options.ceilMode ?? false;
    checkWindow('MaxPool2d', this);
    checkedPair('MaxPool2d', 'dilation', this.dilation, 1);
  }

  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return ops.aten.max_pool2d(x, pair(kernelSize), pair(stride), pair(padding), pair(dilation), ceilMode);
  }

  override extraRepr(): string {
    return `${windowRepr(this)}, dilation=${pythonRepr(this.dilation)}, ceil_mode=${pythonRepr(this.ceilMode)}`;
  }
}

/** Options of AvgPool2d. */
export interface AvgPool2dOptions {
  /** Default: the kernel size. */
  stride?: Size2;
  /** Default 0. */
  padding?: Size2;
  /** Round the output size up instead of down. Default false. */
  ceilMode?: boolean;
  /** Count padding zeros in the mean. Default true. */
  countIncludePad?: boolean;
  /** Divide by this instead of the number of elements. */
  divisorOverride?: number | null;
}

/** Mean of each window: (N, C, H, W) -> (N, C, H', W'). */
export class AvgPool2d extends Module {
  readonly kernelSize: Size2;
  readonly stride: Size2;
  readonly padding: Size2;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;

  constructor(kernelSize: Size2, options: AvgPool2dOptions = {}) {
    checkPositions('AvgPool2d', arguments, 2);
    super();
    checkOptions('AvgPool2d', options, [
      'stride',
      'padding',
      'ceilMode',
      'countIncludePad',
      'divisorOverride',
    ]);
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
    this.divisorOverride = options.divisorOverride ?? null;
    checkWindow('AvgPool2d', this);
  }

  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    const [kernel, step, border] = [pair(kernelSize), pair(stride), pair(padding)];
    return ops.aten.avg_pool2d(x, kernel, step, border, ceilMode, countIncludePad, divisorOverride);
  }

  override extraRepr(): string {
    return windowRepr(this);
  }
}

abstract class AdaptivePool2d extends Module {
  readonly outputSize: OutputSize;

  /** @param outputSize One number or [height, width]; null keeps the input's size. */
  constructor(outputSize: OutputSize) {
    checkPositions(new.target.name, arguments, 1);
    super();
    const sizes = typeof outputSize === 'object' && outputSize !== null ? outputSize : [outputSize];
    for (const size of sizes) checkedPair(this.constructor.name, 'outputSize', size ?? 1, 0);
    this.outputSize = outputSize;
  }

  override extraRepr(): string {
    return `output_size=${pythonRepr(this.outputSize)}`;
  }
}

/**
 * Means over a grid of the given size, whatever the input size: (N, C, H, W) -> (N, C, h, w).
 *
 * @example
 * new nn.AdaptiveAvgPool2d(1); // global average pooling
 */
export class AdaptiveAvgPool2d extends AdaptivePool2d {
  forward(x: Tensor): Tensor {
    return ops.aten.adaptive_avg_pool2d(x, adaptiveSize(x, this.outputSize));
  }
}

/** Largest values over a grid of the given size: (N, C, H, W) -> (N, C, h, w). */
export class AdaptiveMaxPool2d extends AdaptivePool2d {
  forward(x: Tensor): Tensor {
    return ops.aten.adaptive_max_pool2d(x, adaptiveSize(x, this.outputSize))[0];
  }
}

interface Window {
  kernelSize: Size2;
  stride: Size2;
  padding: Size2;
}

function checkWindow(owner: string, { kernelSize, stride, padding }: Window): void {
  checkedPair(owner, 'kernelSize', kernelSize, 1);
  checkedPair(owner, 'stride', stride, 1);
  checkedPair(owner, 'padding', padding, 0);
}

function windowRepr({ kernelSize, stride, padding }: Window): string {
  const [kernel, step, border] = [kernelSize, stride, padding].map(pythonRepr);
  return `kernel_size=${kernel}, stride=${step}, padding=${border}`;
}
