import type { DType, Tensor } from '../../tensor/index.ts';
import { errorAt } from '../trace/site.ts';
import type { TraceArg, TraceOp, TraceValue } from '../trace/types.ts';
import type { Attributes } from './attributes.ts';
import type { OnnxGraph } from './onnx-graph.ts';
import { typeOf } from './tensor-type.ts';

/** How norms are written; see `ExportOnnxOptions`. */
export type NormForm = 'ops' | 'decomposed';

/** What converters know besides the op. */
export interface Conversion {
  readonly graph: OnnxGraph;
  readonly values: readonly TraceValue[];
  /** Names of the values known so far. */
  readonly names: Map<number, string>;
  readonly norms: NormForm;
}

/** One recorded op: its arguments by position, and nodes in its place. */
export class OnnxOp {
  readonly op: TraceOp;
  readonly graph: OnnxGraph;
  readonly norms: NormForm;
  readonly #conversion: Conversion;

  constructor(op: TraceOp, conversion: Conversion) {
    this.op = op;
    this.graph = conversion.graph;
    this.norms = conversion.norms;
    this.#conversion = conversion;
  }

  /** Adds a node of this op's module; gives the name of its output. */
  emit(type: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.graph.node(this.op.site.module, type, inputs, attributes)[0] as string;
  }

  /** The same for several outputs. */
  emitMany(type: string, inputs: readonly string[], attributes: Attributes, outputs: number): string[] {
    return this.graph.node(this.op.site.module, type, inputs, attributes, outputs);
  }

  /** An op, or a form of it, that ONNX has not; as in "aten::max_pool2d with dilation". */
  fail(reason: string): never {
    throw errorAt(
      this.op.site,
      'ERR_COMPILE_UNSUPPORTED',
      `Expected ops that exportOnnx can write, got ${this.op.name}${reason === '' ? '' : ` ${reason}`}`,
      'leave it out of the network and do it on its outputs, or use exportTorchScript',
    );
  }

  arg(index: number): TraceArg | undefined {
    return this.op.args[index];
  }

  /** Whether the argument was given, and is not null. */
  has(index: number): boolean {
    const arg = this.arg(index);
    return arg !== undefined && !(arg.kind === 'literal' && (arg.value === undefined || arg.value === null));
  }

  /** The name of the tensor that argument `index` is. */
  input(index: number): string {
    return this.inputOf(this.arg(index));
  }

  inputOf(arg: TraceArg | undefined): string {
    if (arg?.kind === 'value')
      return (
        this.#conversion.names.get(arg.value) ?? this.fail('of the places of maxima, which are not written')
      );
    if (arg?.kind === 'constant') return this.graph.constant(arg.tensor, arg.key);
    return this.fail('with an argument that is no tensor');
  }

  /** The tensors of a list. */
  inputs(index: number): TraceArg[] {
    const arg = this.arg(index);
    return arg?.kind === 'list' ? [...arg.items] : this.fail('with an argument that is no list');
  }

  /** A parameter, buffer or other tensor that depends on no input; null where it was not given. */
  constant(index: number): Tensor | null {
    const arg = this.arg(index);
    if (arg?.kind === 'constant') return arg.tensor;
    return this.has(index) ? this.fail('with a weight that depends on the inputs') : null;
  }

  /** Sizes of a tensor argument, for one batch. */
  shape(index = 0): readonly number[] {
    return this.shapeOf(this.arg(index));
  }

  shapeOf(arg: TraceArg | undefined): readonly number[] {
    if (arg?.kind === 'value') return (this.#conversion.values[arg.value] as TraceValue).shape;
    if (arg?.kind === 'constant') return arg.tensor.shape;
    return this.fail('with an argument that is no tensor');
  }

  /** How many times the batch each size is. */
  factors(index = 0): readonly number[] {
    const arg = this.arg(index);
    if (arg?.kind !== 'value') return this.shape(index).map(() => 0);
    return (this.#conversion.values[arg.value] as TraceValue).factors;
  }

  dtypeOf(arg: TraceArg | undefined): DType | undefined {
    if (arg?.kind === 'value') return (this.#conversion.values[arg.value] as TraceValue).dtype;
    return arg?.kind === 'constant' ? arg.tensor.dtype : undefined;
  }

  get dtype(): DType {
    return this.dtypeOf(this.arg(0)) ?? this.result.dtype;
  }

  get result(): TraceValue {
    return this.#conversion.values[this.op.results[0] as number] as TraceValue;
  }

  get results(): TraceValue[] {
    return this.op.results.map((value) => this.#conversion.values[value] as TraceValue);
  }

  get rank(): number {
    return this.shape(0).length;
  }

  /** A number, text or flag; `missing` where it is not given. */
  literal<T>(index: number, missing: T): T {
    const arg = this.arg(index);
    if (arg === undefined || (arg.kind === 'literal' && arg.value === undefined)) return missing;
    if (arg.kind !== 'literal') return this.fail('with a number that follows the batch');
    return arg.value as T;
  }

  /** Fixed numbers; undefined where the argument is not given, or empty. One number stands for `count`. */
  numbers(index: number, count = 1): number[] | undefined {
    const arg = this.arg(index);
    if (arg === undefined || (arg.kind === 'literal' && arg.value == null)) return undefined;
    const items = arg.kind === 'list' ? arg.items : [arg];
    const values = items.map((item) =>
      item.kind === 'literal' ? Number(item.value) : this.fail('with a number that follows the batch'),
    );
    if (values.length === 0) return undefined;
    return values.length === 1 ? Array<number>(count).fill(values[0] as number) : values;
  }

  /** A dimension, from the front. */
  dim(index: number, missing = 0, rank = this.rank): number {
    const dim = this.literal<number>(index, missing);
    return dim < 0 ? dim + rank : dim;
  }

  /** Dimensions, from the front; undefined for all. */
  dims(index: number): number[] | undefined {
    return this.numbers(index)?.map((dim) => (dim < 0 ? dim + this.rank : dim));
  }

  /** A number as a tensor of one. */
  scalar(value: number, dtype: DType = this.dtype): string {
    return this.graph.numbers([value], dtype, []);
  }

  ints(values: readonly number[]): string {
    return this.graph.numbers(values, 'int64');
  }

  /** A tensor of the graph's own, as a constant. */
  made(make: () => Tensor): string {
    return this.graph.constant(this.graph.own(make), null);
  }

  cast(input: string, from: DType | undefined, to: DType): string {
    const type = typeOf(to);
    if (from === to) return input;
    return type === undefined ? this.fail(`to ${to}`) : this.emit('Cast', [input], { to: type });
  }

  /** The tensor at `index` in that dtype. */
  inputAs(index: number, dtype: DType): string {
    return this.cast(this.input(index), this.dtypeOf(this.arg(index)), dtype);
  }
}

/** What sums of squares are computed in. */
export const wideOf = (dtype: DType): DType =>
  dtype === 'float16' || dtype === 'bfloat16' ? 'float32' : dtype;

/** Writes the nodes of an op: the names of its results. */
export type Converter = (op: OnnxOp) => string | string[];
