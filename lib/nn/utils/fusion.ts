import { checkFlag, checkNumbers, checkPositions } from '../../options.ts';
import { checkMaybeTensor, checkTensor } from '../../tensor/check-tensor.ts';
import { noGrad, ops, type Tensor } from '../../tensor/index.ts';
import { checkModule } from '../module/check-module.ts';
import type { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';

/** A layer whose weight a norm can be fused into. */
type Weighted = Module & { weight: Parameter; bias: Parameter | null };

/** Statistics and affine parameters of a batch norm, as torch's functions take them. */
type Norm = [
  runningMean: Tensor,
  runningVar: Tensor,
  eps: number,
  weight: Tensor | null,
  bias: Tensor | null,
];

/** Any batch norm. */
interface BatchNorm extends Module {
  running_mean: Tensor | null;
  running_var: Tensor | null;
  weight: Tensor | null;
  bias: Tensor | null;
  readonly eps: number;
  readonly numFeatures: number;
}

/**
 * A copy of `conv` that computes what `conv` and then `bn` compute in evaluation.
 *
 * @param transpose The convolution is transposed. Default false.
 * @throws RangeError unless both are in evaluation and the norm has statistics.
 * @example const fused = nn.utils.fuseConvBnEval(new nn.Conv2d(3, 8, 3).eval(), new nn.BatchNorm2d(8).eval());
 */
export function fuseConvBnEval<C extends Module>(conv: C, bn: Module, transpose = false): C {
  checkPositions('fuseConvBnEval', arguments, 3);
  checkFlag('fuseConvBnEval argument "transpose"', transpose);
  return fused('fuseConvBnEval', conv, bn, (weight, bias, norm) =>
    fuseConvBnWeights(weight, bias, ...norm, transpose),
  );
}

/** The weight and bias of a convolution with a batch norm fused into them. */
export function fuseConvBnWeights(
  convWeight: Tensor,
  convBias: Tensor | null,
  runningMean: Tensor,
  runningVar: Tensor,
  eps: number,
  bnWeight: Tensor | null,
  bnBias: Tensor | null,
  transpose = false,
): [Parameter, Parameter] {
  checkPositions('fuseConvBnWeights', arguments, 8);
  const norm: Norm = [runningMean, runningVar, eps, bnWeight, bnBias];
  checkTensors('fuseConvBnWeights', 'conv', convWeight, convBias, norm);
  checkFlag('fuseConvBnWeights argument "transpose"', transpose);
  const ones = convWeight.shape.slice(2).map(() => 1);
  const shape = transpose ? [1, -1, ...ones] : [-1, 1, ...ones];
  return fuse(convWeight, convBias, norm, shape);
}

/** The same for a linear layer. */
export function fuseLinearBnEval<L extends Module>(linear: L, bn: Module): L {
  checkPositions('fuseLinearBnEval', arguments, 2);
  checkModule('fuseLinearBnEval', 'linear', linear);
  checkModule('fuseLinearBnEval', 'bn', bn);
  const { numFeatures } = bn as BatchNorm;
  const { outFeatures } = linear as L & { outFeatures: number };
  if (numFeatures !== outFeatures && numFeatures !== 1) {
    throw new RangeError(
      `Expected a norm of ${outFeatures} features or 1 for fuseLinearBnEval, got ${numFeatures}`,
    );
  }
  return fused('fuseLinearBnEval', linear, bn, (weight, bias, norm) =>
    fuseLinearBnWeights(weight, bias, ...norm),
  );
}

/** The weight and bias of a linear layer with a batch norm fused into them. */
export function fuseLinearBnWeights(
  linearWeight: Tensor,
  linearBias: Tensor | null,
  runningMean: Tensor,
  runningVar: Tensor,
  eps: number,
  bnWeight: Tensor | null,
  bnBias: Tensor | null,
): [Parameter, Parameter] {
  checkPositions('fuseLinearBnWeights', arguments, 7);
  const norm: Norm = [runningMean, runningVar, eps, bnWeight, bnBias];
  checkTensors('fuseLinearBnWeights', 'linear', linearWeight, linearBias, norm);
  return fuse(linearWeight, linearBias, norm, [-1, 1]);
}

/** Refuses what is no tensor; `layer` begins the names of the layer's. */
function checkTensors(owner: string, layer: string, weight: unknown, bias: unknown, norm: Norm): void {
  const [runningMean, runningVar, eps, bnWeight, bnBias] = norm;
  for (const [name, value] of Object.entries({ [`${layer}Weight`]: weight, runningMean, runningVar }))
    checkTensor(owner, name, value);
  checkNumbers(owner, { eps });
  for (const [name, value] of Object.entries({ [`${layer}Bias`]: bias, bnWeight, bnBias }))
    checkMaybeTensor(owner, name, value);
}

function fused<L extends Module>(
  name: string,
  layer: L,
  bn: Module,
  weightsOf: (weight: Tensor, bias: Tensor | null, norm: Norm) => [Parameter, Parameter],
): L {
  checkModule(name, name === 'fuseConvBnEval' ? 'conv' : 'linear', layer);
  checkModule(name, 'bn', bn);
  if (layer.training || bn.training) {
    throw new RangeError(
      `Expected modules in evaluation for ${name}, got one in training; call eval() on both`,
    );
  }
  const { running_mean: mean, running_var: variance, weight, bias, eps } = bn as BatchNorm;
  if (mean == null || variance == null) {
    throw new RangeError(
      `Expected a batch norm with running statistics for ${name}, got ${bn.constructor.name} without`,
    );
  }
  const copy = layer.clone();
  const target = copy as Module as Weighted;
  [target.weight, target.bias] = weightsOf(target.weight, target.bias, [mean, variance, eps, weight, bias]);
  return copy;
}

function fuse(weight: Tensor, bias: Tensor | null, norm: Norm, shape: number[]): [Parameter, Parameter] {
  const [mean, variance, eps, gamma, beta] = norm;
  return noGrad(() => {
    const rsqrt = ops.aten.rsqrt(variance.add(eps));
    const factor = gamma === null ? rsqrt : rsqrt.mul(gamma);
    const shifted = (bias === null ? mean.neg() : bias.sub(mean)).mul(factor);
    const fusedWeight = weight.mul(factor.reshape(shape)).to(weight.dtype);
    const fusedBias = (beta === null ? shifted : shifted.add(beta)).to((bias ?? weight).dtype);
    return [
      new Parameter(fusedWeight, { requiresGrad: weight.requiresGrad }),
      new Parameter(fusedBias, { requiresGrad: bias?.requiresGrad ?? false }),
    ];
  });
}
