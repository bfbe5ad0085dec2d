import { count } from '../../text-table.ts';
import { convolutionText, poolText, table } from '../explain-table.ts';
import type { Plan, PlanAffine, PlanBuffer, PlanStep, PlanValue, PointwiseStep, ValueId } from './plan.ts';
import { accesses, bufferBytes } from './plan-memory.ts';
import { isConvolution, macsOf } from './step-costs.ts';

const HEADER = ['#', 'Step', 'Module', 'Kernel', 'Output', 'Fused', 'Buffers', 'MACs'];

const valueAt = (plan: Plan, id: ValueId): PlanValue => plan.values[id] as PlanValue;
const bufferAt = (plan: Plan, id: ValueId): PlanBuffer =>
  plan.buffers[valueAt(plan, id).buffer] as PlanBuffer;

/** `b3` for a whole buffer, `b3[64:96]` for a range of its channels. */
function place(plan: Plan, id: ValueId): string {
  const { buffer, from, channels } = valueAt(plan, id);
  const whole = channels === bufferAt(plan, id).channels;
  return whole ? `b${buffer}` : `b${buffer}[${from}:${from + channels}]`;
}

function shapeText(plan: Plan, id: ValueId): string {
  const { kind, height, width } = bufferAt(plan, id);
  const { channels } = valueAt(plan, id);
  if (kind === 'indices') return `${height}x${width} int64`;
  const bytes = bufferAt(plan, id).quantization === undefined ? '' : ' uint8';
  return kind === 'vector' ? `${channels}` : `${channels}x${height}x${width}${bytes}`;
}

function kernelText(step: PlanStep): string {
  if (step.op === 'maxPool' || step.op === 'avgPool') return poolText(step.kernel, step.stride);
  if (step.op === 'aten') return step.operator;
  if (step.op === 'pointwise') return pointwiseText(step);
  if (step.op === 'reduce') return step.reduction;
  if (step.op === 'softmax') return step.log ? 'log' : '';
  if (step.op === 'resize') return step.alignCorners ? `${step.mode}, corners aligned` : step.mode;
  return isConvolution(step) ? convolutionText(step) : '';
}

/** As `mul, gelu`. */
function pointwiseText({ combine, functions }: PointwiseStep): string {
  const names = functions.map(({ name, args }) =>
    args.length === 0 ? name : `${name}(${args.map(short).join(', ')})`,
  );
  return [...(combine === null ? [] : [combine]), ...names].join(', ');
}

const short = (value: number): string => String(Number(value.toPrecision(4)));

function preText(pre: PlanAffine | null): string[] {
  if (pre === null) return [];
  const norm = pre.scale === null ? '' : 'value' in pre.scale ? 'instance norm' : 'norm';
  return [`${[norm, pre.relu ? 'relu' : ''].filter((part) => part !== '').join('+')} of input`];
}

/** What a step does besides what its name says. */
function fusedText(step: PlanStep): string {
  if (step.op === 'linear') return step.activation === 'none' ? '' : step.activation;
  if (step.op === 'int8Linear') return step.relu ? 'relu' : '';
  if (step.op === 'instanceAffine' || step.op === 'groupAffine') {
    const parts = step.parts.map(({ channel, count, groups }) => {
      const range = `${channel}:${channel + count}`;
      return groups === undefined ? range : `${range} in ${groups} groups`;
    });
    return `channels ${parts.join(' ')}`;
  }
  const parts = 'pre' in step ? preText(step.pre) : [];
  if (step.op === 'apply' && step.gate !== null) parts.push('gate');
  if (isConvolution(step) || step.op === 'apply') {
    if (step.add !== null) parts.push('add');
    if (step.relu) parts.push('relu');
  }
  if (isConvolution(step) && step.mean !== null) parts.push(step.variance === null ? 'mean' : 'statistics');
  return parts.join(', ');
}

function flowText(plan: Plan, step: PlanStep): string {
  const { reads, writes } = accesses(step);
  const from = [...new Set(reads.map((id) => place(plan, id)))];
  const input = 'input' in step && typeof step.input === 'object' ? [`input ${step.input.input}`] : [];
  return `${[...input, ...from].join(' ')} -> ${writes.map((id) => place(plan, id)).join(' ')}`;
}

function rowOf(plan: Plan, step: PlanStep, index: number): string[] {
  const output = accesses(step).writes[0] as ValueId;
  const macs = macsOf(plan, step);
  return [
    String(index),
    step.op,
    step.name === '' ? '-' : step.name,
    kernelText(step),
    shapeText(plan, output),
    fusedText(step),
    flowText(plan, step),
    macs === 0 ? '' : count(macs),
  ];
}

/**
 * A plan as a table: its steps with module, window, output size, what else each does, the buffers it reads and
 * writes, and multiply-accumulates for one image.
 *
 * @example console.log(explain(buildPlan(model, { inputs: [[1, 3, 224, 224]] })));
 */
export function explain(plan: Plan): string {
  const rows = plan.steps.map((step, i) => rowOf(plan, step, i));
  const macs = plan.steps.reduce((sum, step) => sum + macsOf(plan, step), 0);
  const separate = plan.buffers.reduce((sum, buffer) => sum + bufferBytes(buffer, plan.dtype), 0);
  const outputs = plan.outputs.map(({ name, value }) => `${name} (${shapeText(plan, value)})`);
  return [
    ...table([HEADER, ...rows]),
    `Steps: ${plan.steps.length}, maps in ${plan.dtype}`,
    `Mult-adds: ${count(macs)} an image`,
    `Arena: ${count(plan.arenaBytes)} bytes an image for ${plan.buffers.length} buffers of ${count(separate)}`,
    `Outputs: ${outputs.join(', ')}`,
  ].join('\n');
}
