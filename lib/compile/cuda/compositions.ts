import { ops, scope, type Tensor } from '../../tensor/index.ts';
import type { CallRunner } from './program.ts';

type Maybe = Tensor | null;
type Window = [stride: number[], padding: number[], dilation: number[], groups: number];
type Composition = (args: unknown[]) => Tensor;

const { aten } = ops;

function convolutionRelu([input, weight, bias, ...window]: unknown[]): Tensor {
  const sum = aten.conv2d(input as Tensor, weight as Tensor, bias as Maybe, ...(window as Window));
  return aten.relu_(sum);
}

function convolutionAddRelu([input, weight, z, alpha, bias, ...window]: unknown[]): Tensor {
  const sum = aten.conv2d(input as Tensor, weight as Tensor, bias as Maybe, ...(window as Window));
  return aten.relu_(aten.add_(sum, z as Tensor, { alpha: alpha as number }));
}

/** Arguments of `ibn::instance_batch_norm`. */
type NormArgs = [
  input: Tensor,
  residual: Maybe,
  start: number,
  end: number,
  instanceWeight: Maybe,
  instanceBias: Maybe,
  batchWeight: Maybe,
  batchBias: Maybe,
  mean: Maybe,
  variance: Maybe,
  instanceEps: number,
  batchEps: number,
  relu: boolean,
];

/** Channels `from` to `from + count` by their running statistics, where there are any. */
function batchPart(x: Tensor, args: NormArgs, from: number, count: number, within: number): Tensor {
  const [, , , , , , weight, bias, mean, variance, , eps] = args;
  const part = x.narrow(1, from, count);
  if (mean === null) return part;
  const own = [weight, bias, mean, variance].map((vector) => vector?.narrow(0, within, count) ?? null);
  const [w, b, m, v] = own as [Maybe, Maybe, Maybe, Maybe];
  return aten.batch_norm(part.contiguous(), w, b, m, v, false, 0, eps, true);
}

function instancePart(x: Tensor, args: NormArgs): Tensor {
  const [, , start, end, weight, bias] = args;
  const part = x.narrow(1, start, end - start);
  return aten.instance_norm(part, weight, bias, null, null, true, 0, args[10], true);
}

function instanceBatchNorm(given: unknown[]): Tensor {
  const args = given as NormArgs;
  const [input, residual, start, end] = args;
  return scope(() => {
    const x = residual === null ? input : input.add(residual);
    const channels = x.shape[1] as number;
    const parts: Tensor[] = [];
    if (start > 0) parts.push(batchPart(x, args, 0, start, 0));
    if (end > start) parts.push(instancePart(x, args));
    if (end < channels) parts.push(batchPart(x, args, end, channels - end, start));
    const y = aten.cat(parts, 1);
    return args[12] ? aten.relu_(y) : y;
  });
}

/** What the fused ops do, out of libtorch's other ops. */
export const COMPOSITIONS: ReadonlyMap<string, Composition> = new Map([
  ['aten::cudnn_convolution_relu', convolutionRelu],
  ['aten::cudnn_convolution_add_relu', convolutionAddRelu],
  ['ibn::instance_batch_norm', instanceBatchNorm],
]);

/** Does a call with its composition; only for ops that have one. */
export const runComposed: CallRunner = (call, args) => (COMPOSITIONS.get(call.op) as Composition)(args);

/** Whether the call is one of cuDNN's fused convolutions. */
export const isCudnn = ({ op }: { op: string }): boolean => op.startsWith('aten::cudnn_');
