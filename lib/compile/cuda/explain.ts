import { isTensor, type Tensor } from '../../tensor/index.ts';
import { count } from '../../text-table.ts';
import { convolutionText, poolText, table } from '../explain-table.ts';
import { isCudnn } from './compositions.ts';
import { weightBytes } from './place.ts';
import type { CudaArg, CudaCall, CudaPlan, CudaValue } from './plan.ts';

const HEADER = ['#', 'Call', 'Module', 'Kernel', 'Output', 'Fused', 'Values', 'MACs'];

const literalOf = (arg: CudaArg | undefined): unknown => (arg && 'literal' in arg ? arg.literal : undefined);
const tensorsIn = (call: CudaCall): Tensor[] => call.args.map(literalOf).filter(isTensor);
const isConvolution = (call: CudaCall): boolean => isCudnn(call) || call.op === 'aten::conv2d';

/** Weight and window of a convolution, whose last four arguments are the same for each op. */
function convolution(call: CudaCall) {
  const [stride, , dilation, groups] = call.args.slice(-4).map(literalOf) as [
    number[],
    number[],
    number[],
    number,
  ];
  return { weight: literalOf(call.args[1]) as Tensor, stride, dilation, groups };
}

function kernelText(call: CudaCall): string {
  if (/_pool2d$/.test(call.op)) {
    const [kernel, stride] = call.args.slice(1, 3).map(literalOf) as [number[], number[]];
    return poolText(kernel, stride);
  }
  return isConvolution(call) ? convolutionText(convolution(call)) : '';
}

function normText(call: CudaCall): string[] {
  const [, residual, start, end, , , , , mean] = call.args;
  const parts = residual && 'value' in residual ? ['add'] : [];
  const range = [literalOf(start), literalOf(end)] as [number, number];
  if (range[1] > range[0]) parts.push(`channels ${range.join(':')} by instance`);
  if (literalOf(mean) !== null) parts.push('others by constants');
  if (literalOf(call.args.at(-1)) === true) parts.push('relu');
  return parts;
}

/** What a call does besides what its name says. */
function fusedText(call: CudaCall): string {
  switch (call.op) {
    case 'ibn::instance_batch_norm':
      return normText(call).join(', ');
    case 'aten::cudnn_convolution_relu':
      return 'bias, relu';
    case 'aten::cudnn_convolution_add_relu':
      return 'bias, add, relu';
    case 'aten::_addmm_activation':
      return 'bias, relu';
    case 'aten::addcmul':
      return 'gate, add';
    default:
      return '';
  }
}

function macsOf(call: CudaCall): number {
  if (isConvolution(call)) {
    const [, height = 1, width = 1] = call.shape;
    return convolution(call).weight.numel() * height * width;
  }
  if (call.op !== 'aten::linear' && call.op !== 'aten::t') return 0;
  return tensorsIn(call)[0]?.numel() ?? 0;
}

function flowText(call: CudaCall, place: (value: CudaValue) => string): string {
  const read = call.args.flatMap((arg) => ('value' in arg ? [arg.value] : 'values' in arg ? arg.values : []));
  return `${[...new Set(read)].map(place).join(' ')} -> ${place(call.output)}`.trimStart();
}

/** A plan as a table: its calls with module, window, output size, what is fused into each, and multiply-accumulates. */
export function explainCuda(plan: CudaPlan): string {
  const place = (value: CudaValue) => (value < plan.inputs.length ? `input ${value}` : `v${value}`);
  const rows = plan.calls.map((call, i) => {
    const [macs, module] = [macsOf(call), call.name === '' ? '-' : call.name];
    const size = call.shape.join('x');
    const flow = flowText(call, place);
    return [
      `${i}`,
      call.op,
      module,
      kernelText(call),
      size,
      fusedText(call),
      flow,
      macs === 0 ? '' : count(macs),
    ];
  });
  const macs = plan.calls.reduce((sum, call) => sum + macsOf(call), 0);
  const shapes = new Map(plan.calls.map(({ output, shape }) => [output, shape.join('x')]));
  return [
    ...table([HEADER, ...rows]),
    `Calls: ${plan.calls.length}, maps in ${plan.dtype}, channels_last`,
    `Mult-adds: ${count(macs)} an image`,
    `Weights: ${count(weightBytes(plan))} bytes`,
    `Outputs: ${plan.outputs.map(({ name, value }) => `${name} (${shapes.get(value)})`).join(', ')}`,
  ].join('\n');
}
