import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  init,
  Module,
  ModuleList,
  ReLU,
  Sequential,
} from '../../nn/index.ts';
import { checkCount, checkPositions, describeValue } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import { upsampled } from './upsample.ts';

/** Convolution without bias, batch norm and ReLU; 1x1, or 3x3 of a dilation. */
export function convNormRelu(inputs: number, outputs: number, dilation = 0): [Conv2d, BatchNorm2d, ReLU] {
  const conv =
    dilation === 0
      ? new Conv2d(inputs, outputs, 1, { bias: false })
      : new Conv2d(inputs, outputs, 3, { padding: dilation, dilation, bias: false });
  return [conv, new BatchNorm2d(outputs), new ReLU({ inplace: true })];
}

function checkRates(owner: string, rates: readonly number[]): void {
  if (!Array.isArray(rates))
    throw new TypeError(`Expected a list of dilations for ${owner} rates, got ${describeValue(rates)}`);
  for (const rate of rates) checkCount(owner, 'rates', rate);
}

/** He initialisation over the inputs, biases 0: RobustNet's for its heads. */
export function initHead(head: Module): void {
  for (const module of head.modules()) {
    if (!(module instanceof Conv2d)) continue;
    init.kaimingNormal_(module.weight, { nonlinearity: 'relu' });
    if (module.bias !== null) init.zeros_(module.bias);
  }
}

/** Dilations of the pyramid: 6, 12 and 18 at output stride 16, more where the map is larger. */
export function pyramidRates(outputStride: number): [number, number, number] {
  const rates = [6, 12, 18].map((rate) => Math.max(1, Math.floor((rate * 16) / outputStride)));
  return rates as [number, number, number];
}

/** A 3x3 convolution, and scores: torchvision's FCNHead, and PSPNet's end without the pyramid. */
export class FCNHead extends Sequential {
  constructor(inputs: number, numClasses: number) {
    checkPositions('FCNHead', arguments, 2);
    const hidden = Math.max(1, Math.floor(inputs / 4));
    super(...convNormRelu(inputs, hidden, 1), new Dropout(0.1), new Conv2d(hidden, numClasses, 1));
  }
}

/**
 * Atrous spatial pyramid pooling, with RobustNet's keys: the mean of the map, and the map through a 1x1 and three dilated 3x3
 * convolutions. (N, C, h, w) -> (N, 5 channels, h, w).
 */
export class ASPP extends Module {
  features: ModuleList;
  img_pooling = new AdaptiveAvgPool2d(1);
  img_conv: Sequential;

  constructor(inputs: number, channels: number, rates: readonly number[]) {
    checkPositions('ASPP', arguments, 3);
    checkRates('ASPP', rates);
    super();
    this.features = new ModuleList(
      [0, ...rates].map((rate) => new Sequential(...convNormRelu(inputs, channels, rate))),
    );
    this.img_conv = new Sequential(...convNormRelu(inputs, channels));
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const mean = forwardThenRelease(this.img_conv, call(this.img_pooling, x)); // (N, channels, 1, 1)
      const parts = [upsampled(mean, x.shape.slice(2), true)];
      for (const part of this.features.children()) parts.push(call(part, x));
      return ops.aten.cat(parts, 1);
    });
  }
}

/** torchvision's ASPPPooling: the mean of the map, spread over it again. */
export class ASPPPooling extends Sequential {
  constructor(inputs: number, channels: number) {
    checkPositions('ASPPPooling', arguments, 2);
    super(new AdaptiveAvgPool2d(1), ...convNormRelu(inputs, channels));
  }

  override forward(x: Tensor): Tensor {
    return temporaries(() => upsampled(super.forward(x) as Tensor, x.shape.slice(2), false));
  }
}

/** The same pyramid with torchvision's keys, projected to `channels`. */
export class ProjectedASPP extends Module {
  convs: ModuleList;
  project: Sequential;

  constructor(inputs: number, channels: number, rates: readonly number[]) {
    checkPositions('ProjectedASPP', arguments, 3);
    checkRates('ProjectedASPP', rates);
    super();
    const convs = [0, ...rates].map((rate) => new Sequential(...convNormRelu(inputs, channels, rate)));
    this.convs = new ModuleList([...convs, new ASPPPooling(inputs, channels)]);
    this.project = new Sequential(...convNormRelu((rates.length + 2) * channels, channels), new Dropout(0.5));
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const parts = this.convs.children().map((conv) => call(conv, x));
      return forwardThenRelease(this.project, ops.aten.cat(parts, 1)); // (N, channels, h, w)
    });
  }
}
