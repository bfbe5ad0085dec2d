import { isTensor, type Tensor } from '../../tensor/index.ts';
import { constantsOf, fromNumbers } from '../graph/affine.ts';
import {
  type ApplyNode,
  type AtenNode,
  type ConvNode,
  channelsOf,
  type FusedNormNode,
  inputOf,
  type LinearNode,
  moduleOf,
  type Node,
  operand,
  type PoolNode,
} from '../graph/graph.ts';
import { normCalls } from './norm-calls.ts';
import type { CudaArg, CudaCall, CudaDType, CudaValue } from './plan.ts';
import { biasOrZeros, cast, convWeight } from './weights.ts';

const literal = (value: unknown): CudaArg => ({ literal: value });
const literals = (...values: unknown[]): CudaArg[] => values.map(literal);

/** One channel per group, for which libtorch has kernels of its own. */
const isDepthwise = ({ weight, groups }: ConvNode): boolean => groups > 1 && weight.shape[1] === 1;

/** Writes the calls of a graph that the passes for CUDA have rewritten, node by node. */
export class CallWriter {
  readonly calls: CudaCall[] = [];
  readonly #dtype: CudaDType;
  readonly #values = new Map<Node, CudaValue>();
  #count: number;

  /** @param inputs How many inputs the network has. */
  constructor(dtype: CudaDType, inputs: number) {
    this.#dtype = dtype;
    this.#count = inputs;
  }

  write(node: Node): void {
    this.#values.set(node, this.#valueOf(node));
  }

  /** What the network gives: float32, dense, and never the memory of an input or of another output. */
  output(node: Node): CudaValue {
    const options = literals('float32', null, null, null, false, 'contiguous_format');
    return this.#call(node, 'aten::_to_copy', [this.#arg(node), ...options]);
  }

  #valueOf(node: Node): CudaValue {
    switch (node.op) {
      case 'input':
        return node.index;
      case 'conv':
        return this.#conv(node);
      case 'pool':
        return this.#pool(node);
      case 'mean':
        return this.#call(node, 'aten::mean.dim', [this.#input(node), ...literals([2, 3], false)]);
      case 'linear':
        return this.#linear(node);
      case 'apply':
        return this.#apply(node);
      case 'fusedNorm':
        return this.#norm(node);
      case 'slice':
        return this.#call(node, 'aten::narrow', [
          this.#input(node),
          ...literals(1, node.from, channelsOf(node)),
        ]);
      case 'cat':
        return this.#call(node, 'aten::cat', [
          { values: node.inputs.map((input) => this.#of(input)) },
          literal(1),
        ]);
      case 'spread': {
        const value = this.#column(node, inputOf(node));
        const sizes = literals([-1, ...node.shape], false);
        return this.#call(node, 'aten::expand', [{ value }, ...sizes]);
      }
      case 'flatten':
        return this.#call(node, 'aten::flatten.using_ints', [this.#input(node), ...literals(1, -1)]);
      case 'add':
        return this.#call(
          node,
          'aten::add.Tensor',
          node.inputs.map((input) => this.#arg(input)),
        );
      case 'relu':
      case 'sigmoid':
        return this.#call(node, `aten::${node.op}`, [this.#input(node)]);
      case 'aten':
        return this.#aten(node);
      default:
        throw new Error(`No pass replaced ${node.op} of ${moduleOf(node)}`);
    }
  }

  #of(node: Node): CudaValue {
    return this.#values.get(node) as CudaValue;
  }

  #arg(node: Node): CudaArg {
    return { value: this.#of(node) };
  }

  #input(node: Node): CudaArg {
    return this.#arg(inputOf(node));
  }

  /** `op` as `aten::mean.dim`; `shape` where the value is not the node's own. */
  #call(node: Node, op: string, args: CudaArg[], shape: readonly number[] = node.shape): CudaValue {
    const [name = op, overload = ''] = op.split('.');
    const output = this.#count++;
    this.calls.push({ name: moduleOf(node), op: name, overload, args, output, shape: [...shape] });
    return output;
  }

  #conv(node: ConvNode): CudaValue {
    const { stride, padding, dilation, groups, relu } = node;
    const weight = literal(convWeight(node, this.#dtype));
    const window = literals([...stride], [...padding], [...dilation], groups);
    const add = operand(node, 'add');
    if (relu && !isDepthwise(node)) {
      const bias = literal(biasOrZeros(node.bias, channelsOf(node), this.#dtype, moduleOf(node)));
      const between = add === undefined ? [] : [this.#arg(add), literal(1)];
      const op = add === undefined ? 'aten::cudnn_convolution_relu' : 'aten::cudnn_convolution_add_relu';
      return this.#call(node, op, [this.#input(node), weight, ...between, bias, ...window]);
    }
    const bias = literal(this.#cast(node.bias, node));
    let value = this.#call(node, 'aten::conv2d', [this.#input(node), weight, bias, ...window]);
    if (add !== undefined) value = this.#call(node, 'aten::add_.Tensor', [{ value }, this.#arg(add)]);
    return relu ? this.#call(node, 'aten::relu_', [{ value }]) : value;
  }

  #cast(tensor: Tensor | null, node: Node): Tensor | null {
    return tensor === null ? null : cast(tensor, this.#dtype, moduleOf(node));
  }

  #pool(node: PoolNode): CudaValue {
    const window = literals([...node.kernel], [...node.stride], [...node.padding]);
    const { ceilMode, countIncludePad } = node;
    if (node.mode === 'max') {
      const more = ceilMode ? literals([1, 1], true) : [];
      return this.#call(node, 'aten::max_pool2d', [this.#input(node), ...window, ...more]);
    }
    const more = literals(ceilMode, countIncludePad);
    return this.#call(node, 'aten::avg_pool2d', [this.#input(node), ...window, ...more]);
  }

  #linear(node: LinearNode): CudaValue {
    const weight = literal(this.#cast(node.weight, node));
    if (node.activation === 'relu') {
      const value = this.#call(node, 'aten::t', [weight], []);
      const bias = literal(biasOrZeros(node.bias, channelsOf(node), this.#dtype, moduleOf(node)));
      return this.#call(node, 'aten::_addmm_activation', [bias, this.#input(node), { value }]);
    }
    const value = this.#call(node, 'aten::linear', [
      this.#input(node),
      weight,
      literal(this.#cast(node.bias, node)),
    ]);
    return node.activation === 'sigmoid' ? this.#call(node, 'aten::sigmoid_', [{ value }]) : value;
  }

  #apply(node: ApplyNode): CudaValue {
    const value = this.#applied(node);
    if (!node.relu) return value;
    const isOwn = value !== this.#of(inputOf(node));
    return this.#call(node, isOwn ? 'aten::relu_' : 'aten::relu', [{ value }]);
  }

  /** `input * gate + add` in one pass; of a vector, after its norm. */
  #applied(node: ApplyNode): CudaValue {
    const [gate, add] = [operand(node, 'gate'), operand(node, 'add')];
    const [input, added] = [this.#normed(node), add && this.#arg(add)];
    if (gate === undefined) {
      return added === undefined ? input : this.#call(node, 'aten::add.Tensor', [{ value: input }, added]);
    }
    const factor = { value: this.#column(node, gate) };
    if (added === undefined) return this.#call(node, 'aten::mul.Tensor', [{ value: input }, factor]);
    return this.#call(node, 'aten::addcmul', [added, { value: input }, factor]);
  }

  /** What an `apply` reads; constants of a norm are for vectors alone here. */
  #normed(node: ApplyNode): CudaValue {
    const norm = node.prologue?.norm;
    if (!norm) return this.#of(inputOf(node));
    const { scale, shift } = constantsOf(norm.parts);
    const [weight, bias] = [scale, shift].map((numbers) => literal(this.#cast(fromNumbers(numbers), node)));
    return this.#call(node, 'aten::addcmul', [bias as CudaArg, this.#input(node), weight as CudaArg]);
  }

  /** A vector (N, C) as (N, C, 1, 1). */
  #column(node: Node, vector: Node): CudaValue {
    const channels = channelsOf(vector);
    const value = this.#call(node, 'aten::unsqueeze', [this.#arg(vector), literal(-1)], [channels, 1]);
    return this.#call(node, 'aten::unsqueeze', [{ value }, literal(-1)], [channels, 1, 1]);
  }

  #norm(node: FusedNormNode): CudaValue {
    const add = operand(node, 'add');
    let value = this.#of(inputOf(node));
    for (const { residual, args } of normCalls(node)) {
      const residualArg = residual && add !== undefined ? this.#arg(add) : literal(null);
      value = this.#call(node, 'ibn::instance_batch_norm', [{ value }, residualArg, ...args.map(literal)]);
    }
    return value;
  }

  #aten(node: AtenNode): CudaValue {
    const args = node.args.map((arg): CudaArg => {
      if ('operand' in arg) return this.#arg(node.inputs[arg.operand] as Node);
      if (!('literal' in arg)) throw new Error(`No import makes several calls of ${moduleOf(node)} for CUDA`);
      const { literal: value } = arg;
      const isWeight = isTensor(value) && value.dtype === 'float32';
      return literal(isWeight ? this.#cast(value, node) : isTensor(value) ? value.detach() : value);
    });
    const name = node.overload === '' ? node.operator : `${node.operator}.${node.overload}`;
    const value = this.#call(node, name, args);
    if (this.#dtype === 'float32') return value;
    // The network ran in another dtype when it was traced: the op may ask for that one.
    return this.#call(node, 'aten::to.dtype', [{ value }, literal(this.#dtype)]);
  }
}
