import type { Tensor } from '../../tensor/index.ts';
import { constantsOf, fromNumbers } from '../graph/affine.ts';
import {
  type AtenArg,
  type AtenCall,
  type AtenNode,
  type ConvNode,
  type Int8,
  inputOf,
  type LinearNode,
  moduleOf,
  type Node,
  type Norm,
  operand,
  type PointwiseNode,
  type Prologue,
} from '../graph/graph.ts';
import type { BufferAssignment } from './places.ts';
import type {
  AtenStep,
  AtenStepArg,
  InstancePart,
  PlanAffine,
  PlanStep,
  PlanVector,
  PointwiseStep,
  ValueId,
} from './plan.ts';
import { PlanValues } from './plan-values.ts';
import {
  givesStatistics,
  type InstanceRange,
  instanceRanges,
  meansOfConvolutions,
  statisticsNeeds,
} from './statistics.ts';

interface Statistics {
  mean: ValueId;
  variance: ValueId;
  /** The channel that the vectors begin with. */
  from: number;
}

/** Writes the steps of a plan, node by node. */
export class StepWriter {
  readonly steps: PlanStep[] = [];
  readonly values: PlanValues;
  readonly #assignment: BufferAssignment;
  readonly #needs: ReturnType<typeof statisticsNeeds>;
  readonly #means: ReturnType<typeof meansOfConvolutions>;
  readonly #statistics = new Map<Node, Statistics>();
  readonly #affines = new Map<Norm, { scale: PlanVector; shift: PlanVector }>();

  constructor(assignment: BufferAssignment) {
    this.#assignment = assignment;
    this.values = new PlanValues(assignment.places);
    this.#needs = statisticsNeeds(assignment.order);
    this.#means = meansOfConvolutions(assignment.order);
  }

  write(): void {
    for (const node of this.#assignment.order) {
      const made = this.#stepOf(node);
      if (made !== undefined) this.steps.push(made);
    }
  }

  #stepOf(node: Node): PlanStep | undefined {
    switch (node.op) {
      case 'conv':
        return this.#conv(node);
      case 'pool': {
        const { kernel, stride, padding, countIncludePad } = node;
        const op = node.mode === 'max' ? 'maxPool' : 'avgPool';
        return { op, ...this.#reader(node), kernel, stride, padding, countIncludePad };
      }
      case 'mean':
        return this.#isGiven(node) ? undefined : { op: 'globalMean', ...this.#reader(node) };
      case 'linear': {
        if (node.int8 !== undefined) return this.#int8Linear(node, node.int8);
        const { weight, bias, activation } = node;
        return { op: 'linear', ...this.#ends(node), weight, bias, activation };
      }
      case 'apply': {
        const own = { gate: this.#optional(node, 'gate'), add: this.#optional(node, 'add'), relu: node.relu };
        return { op: 'apply', ...this.#reader(node), ...own };
      }
      case 'pointwise': {
        const { combine, functions } = node;
        const own = { combine, other: this.#other(node), functions };
        return { op: 'pointwise', ...this.#reader(node), ...own };
      }
      case 'spread': {
        const own = { pre: null, combine: null, other: null, functions: [] };
        return { op: 'pointwise', ...this.#ends(node), ...own };
      }
      case 'resize': {
        const { mode, alignCorners, scale } = node;
        return { op: 'resize', ...this.#ends(node), mode, alignCorners, scale };
      }
      case 'softmax':
        return { op: 'softmax', ...this.#ends(node), log: node.log };
      case 'layerNorm': {
        const { weight, bias, eps } = node;
        return { op: 'layerNorm', ...this.#ends(node), weight, bias, eps };
      }
      case 'reduce':
        return { op: 'reduce', ...this.#ends(node), reduction: node.reduction };
      case 'argmax':
        return { op: 'argmax', ...this.#ends(node) };
      case 'copy':
        return { op: 'copy', ...this.#ends(node) };
      case 'planar': {
        const output = this.values.of(node);
        return { op: 'fromPlanar', name: moduleOf(node), input: inputIndex(inputOf(node)), output };
      }
      case 'aten':
        return this.#aten(node);
      case 'input':
      case 'cat':
      case 'slice':
        return undefined;
      default:
        throw new Error(`No pass replaced ${node.op} of ${moduleOf(node)}`);
    }
  }

  #ends(node: Node): { name: string; input: ValueId; output: ValueId } {
    return { name: moduleOf(node), input: this.values.of(inputOf(node)), output: this.values.of(node) };
  }

  #reader(node: Node & { prologue: Prologue | null }) {
    const pre = this.#affine(node);
    return { ...this.#ends(node), pre };
  }

  #optional(node: Node, slot: 'add' | 'gate'): ValueId | null {
    const found = operand(node, slot);
    return found === undefined ? null : this.values.of(found);
  }

  #other(node: PointwiseNode): PointwiseStep['other'] {
    if (node.constant !== null) return { constant: node.constant };
    const other = operand(node, 'other');
    return other === undefined ? null : { value: this.values.of(other) };
  }

  #conv(node: ConvNode): PlanStep {
    const { weight, weightScale = null, bias, stride, padding, dilation, groups, relu } = node;
    const source = inputOf(node);
    const pre = this.#affine(node);
    const step = {
      name: moduleOf(node),
      input: source.op === 'input' ? inputIndex(source) : this.values.of(source),
      output: this.values.of(node),
      ...{ weight, weightScale, bias, stride, padding, dilation, groups, pre, relu },
      add: this.#optional(node, 'add'),
      ...this.#epilogueStatistics(node),
    };
    if (node.int8 === undefined) return { op: 'conv', ...step };
    const { input, ...own } = node.int8;
    return { op: 'int8Conv', ...step, ...own, quantization: source.quantized === undefined ? input : null };
  }

  #int8Linear(node: LinearNode, { input, ...own }: Int8): PlanStep {
    const { bias, activation } = node;
    return {
      op: 'int8Linear',
      ...this.#ends(node),
      ...own,
      ...{ bias, quantization: input, relu: activation === 'relu' },
    };
  }

  #epilogueStatistics(node: ConvNode): { mean: ValueId | null; variance: ValueId | null } {
    const [channels] = node.shape;
    const means = this.#means.get(node) ?? [];
    const needed = givesStatistics(node) && this.#needs.has(node);
    if (!needed && means.length === 0) return { mean: null, variance: null };
    const mean = this.values.vector(channels);
    for (const reader of means) this.values.setVector(reader, mean);
    if (!needed) return { mean, variance: null };
    const variance = this.values.vector(channels);
    this.#statistics.set(node, { mean, variance, from: 0 });
    return { mean, variance };
  }

  #isGiven(node: Node): boolean {
    return this.#means.get(inputOf(node))?.some((mean) => mean === node) ?? false;
  }

  #affine(node: Node & { prologue: Prologue | null }): PlanAffine | null {
    if (node.prologue === null) return null;
    const { norm, relu } = node.prologue;
    if (norm === null) return { scale: null, shift: null, relu };
    let vectors = this.#affines.get(norm);
    if (vectors === undefined) {
      vectors = this.#makeAffine(norm, operand(node, 'input') as Node);
      this.#affines.set(norm, vectors);
    }
    return { ...vectors, relu };
  }

  #makeAffine(norm: Norm, source: Node): { scale: PlanVector; shift: PlanVector } {
    const constants = constantsOf(norm.parts);
    const [baseScale, baseShift] = [fromNumbers(constants.scale), fromNumbers(constants.shift)];
    const ranges = instanceRanges(norm, source);
    if (ranges.length === 0) return { scale: { constant: baseScale }, shift: { constant: baseShift } };
    const parts = ranges.map((range) => this.#instancePart(norm, range));
    const { length } = constants.scale;
    const [scale, shift] = [this.values.vector(length), this.values.vector(length)];
    const op = parts.some(({ groups }) => groups !== undefined) ? 'groupAffine' : 'instanceAffine';
    this.steps.push({ op, name: norm.module, baseScale, baseShift, parts, scale, shift });
    return { scale: { value: scale }, shift: { value: shift } };
  }

  #instancePart(norm: Norm, range: InstanceRange): InstancePart {
    const { channel, count, within, part: index } = range;
    const part = norm.parts[index] as Extract<Norm['parts'][number], { kind: 'instance' }>;
    const { mean, variance, from } = this.#statisticsOf(range.node);
    const own = (tensor: Tensor | null) => (tensor === null ? null : tensor.narrow(0, within, count).clone());
    const [weight, bias] = [own(part.weight), own(part.bias)];
    const groups = part.groups === undefined ? {} : { groups: part.groups };
    return {
      channel,
      count,
      mean,
      variance,
      from: range.from - from,
      weight,
      bias,
      eps: part.eps,
      ...groups,
    };
  }

  /** Of what no convolution gives, one pass over the map is made before the first use. */
  #statisticsOf(node: Node): Statistics {
    const known = this.#statistics.get(node);
    if (known !== undefined) return known;
    const { from, to } = this.#needs.get(node) as { from: number; to: number };
    const [mean, variance] = [this.values.vector(to - from), this.values.vector(to - from)];
    const input = this.values.range(node, from, to - from);
    this.steps.push({ op: 'statistics', name: moduleOf(node), input, mean, variance });
    const statistics = { mean, variance, from };
    this.#statistics.set(node, statistics);
    return statistics;
  }

  #aten(node: AtenNode): AtenStep {
    const { operator, overload, before, result = 0 } = node;
    const call = ({ args, ...op }: AtenCall) => ({
      ...op,
      args: args.map((arg) => this.#atenArg(arg, node)),
    });
    const more = before === undefined ? {} : { before: before.map(call), result };
    const last = call({ operator, overload, args: node.args });
    return { op: 'aten', name: moduleOf(node), ...last, ...more, output: this.values.of(node) };
  }

  #atenArg(arg: AtenArg, node: AtenNode): AtenStepArg {
    if ('list' in arg) return { list: arg.list.map((item) => this.#atenArg(item, node)) };
    if (!('operand' in arg)) return arg;
    const source = node.inputs[arg.operand] as Node;
    return source.op === 'input' ? inputIndex(source) : { value: this.values.of(source) };
  }
}

function inputIndex(node: Node): { input: number } {
  return { input: node.op === 'input' ? node.index : 0 };
}
