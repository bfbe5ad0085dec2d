import type { Tensor } from '../../tensor/index.ts';
import type { TraceArg, TraceOp, TraceValue } from '../trace/types.ts';
import { affineOf } from './affine.ts';
import type { MeanNode, MoveNode, Node, Shape, Slot } from './graph.ts';
import { channelsOf, inputOf, isMap, pixelsOf } from './graph.ts';

/** A value of the trace as a node. A vector may be (N, C) or (N, C, 1, 1) to libtorch: `shape` says which. */
export interface Known {
  node: Node;
  /** With the batch. */
  shape: readonly number[];
  /**
   * Of special kinds, which few ops take. `indices`: int64, which only outputs may be. `squeezed`: (N, H, W), of a map of
   * one channel.
   */
  form?: 'indices' | 'squeezed';
}

/** Why an op, or this form of it, has no kernel; as in "aten::max_pool2d with dilation". */
export class Unsupported {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

type OwnMembers = 'order' | 'site' | 'shape' | 'inputs' | 'slots';
/** What a node has besides its place. */
export type Attributes<N extends Node> = N extends Node ? Omit<N, OwnMembers> : never;

/** One recorded op: its arguments by position, read as nodes, tensors or numbers. */
export class OpReader {
  readonly op: TraceOp;
  readonly order: number;
  /** Shapes and dtypes of the results. */
  readonly results: readonly TraceValue[];
  readonly #values: readonly TraceValue[];
  readonly #known: ReadonlyMap<number, Known>;

  /** @param values All values of the trace. */
  constructor(op: TraceOp, order: number, values: readonly TraceValue[], known: ReadonlyMap<number, Known>) {
    this.op = op;
    this.order = order;
    this.results = op.results.flatMap((value) => values[value] ?? []);
    this.#values = values;
    this.#known = known;
  }

  arg(index: number): TraceArg | undefined {
    return this.op.args[index];
  }

  /** The value of floats that argument `index` is, or undefined where it is none. */
  known(index: number): Known | undefined {
    return this.knownOf(this.arg(index));
  }

  knownOf(arg: TraceArg | undefined): Known | undefined {
    const known = arg?.kind === 'value' ? this.#known.get(arg.value) : undefined;
    return known?.form === undefined ? known : undefined;
  }

  /** A map of one channel as (N, H, W). */
  squeezed(index: number): Known | undefined {
    const arg = this.arg(index);
    const known = arg?.kind === 'value' ? this.#known.get(arg.value) : undefined;
    return known?.form === 'squeezed' ? known : undefined;
  }

  /** The shape of a value that depends on the inputs, with the batch; undefined for constants. */
  shapeOf(arg: TraceArg | undefined): readonly number[] | undefined {
    return arg?.kind === 'value' ? this.#values[arg.value]?.shape : undefined;
  }

  /** The map (N, C, H, W) that argument `index` is. */
  map(index: number): Node | undefined {
    return this.mapOf(this.known(index));
  }

  /** A value as a map: a vector that is (N, C, 1, 1), or broadcast from that, is laid out. */
  mapOf(known: Known | undefined): Node | undefined {
    if (known === undefined || isMap(known.node)) return known?.node;
    if (known.shape.length !== 4) return undefined;
    return this.make<MoveNode>({ op: 'spread' }, [known.node], shapeOf(known.shape));
  }

  /** A constant tensor; null where the argument is null or not given, undefined where it is something else. */
  constant(index: number): Tensor | null | undefined {
    const arg = this.arg(index);
    if (arg === undefined || (arg.kind === 'literal' && (arg.value === null || arg.value === undefined)))
      return null;
    return arg.kind === 'constant' ? arg.tensor : undefined;
  }

  /**
   * A number, string or boolean; `missing` where it is not given.
   *
   * @throws Unsupported where a tensor or a list is given instead.
   */
  literal<T>(index: number, missing: T): T {
    const arg = this.arg(index);
    if (arg === undefined || (arg.kind === 'literal' && arg.value === undefined)) return missing;
    if (arg.kind !== 'literal') throw new Unsupported('with an argument that is no constant number');
    return arg.value as T;
  }

  /** A list of fixed numbers; one number stands for two. Undefined where any grows with the batch. */
  numbers(index: number, missing: readonly number[]): number[] | undefined {
    const arg = this.arg(index);
    if (arg === undefined || (arg.kind === 'literal' && arg.value === undefined)) return [...missing];
    if (arg.kind === 'literal') return [Number(arg.value), Number(arg.value)];
    if (arg.kind !== 'list') return undefined;
    if (arg.items.length === 0) return [...missing];
    const items = arg.items.map((item) => (item.kind === 'literal' ? Number(item.value) : Number.NaN));
    return items.some(Number.isNaN) ? undefined : items.length === 1 ? [...items, ...items] : items;
  }

  pair(index: number, missing: readonly number[]): [number, number] | undefined {
    const numbers = this.numbers(index, missing);
    return numbers?.length === 2 ? (numbers as [number, number]) : undefined;
  }

  /** The value at `index` as a vector, where it has two dimensions to libtorch, too. */
  row(index: number): Node | undefined {
    const known = this.known(index);
    return known === undefined || known.shape.length !== 2 || isMap(known.node) ? undefined : known.node;
  }

  /** Shape of the result with the batch. */
  get resultShape(): readonly number[] {
    return (this.results[0] as TraceValue).shape;
  }

  /** A node at this op's place; its shape is the result's unless given. */
  make<N extends Node>(attributes: Attributes<N>, inputs: Node[], shape?: Shape): N {
    const { order } = this;
    const slots = inputs.map((_, i): Slot => (i > 0 && attributes.op === 'gate' ? 'gate' : 'input'));
    const own = shape ?? shapeOf(this.resultShape);
    return { order, site: this.op.site, shape: own, inputs, slots, ...attributes } as unknown as N;
  }

  /** The value (N, C) of a vector, of a map of one pixel, or of a mean over a whole map. */
  vector({ node }: Known): Node | undefined {
    if (!isMap(node)) return node;
    if (pixelsOf(node) !== 1) return undefined;
    const mean = this.make<MeanNode>({ op: 'mean', prologue: null }, [node], [channelsOf(node)]);
    return isGlobalPool(node) ? { ...mean, site: node.site, inputs: [inputOf(node)] } : mean;
  }

  /** Scale and shift from running statistics and affine parameters at these positions. */
  fixedNorm(at: { weight: number; bias: number; mean: number; variance: number; eps: number }) {
    const [mean, variance] = [this.constant(at.mean), this.constant(at.variance)];
    const [weight, bias] = [this.constant(at.weight), this.constant(at.bias)];
    if (!mean || !variance || weight === undefined || bias === undefined) return undefined;
    return affineOf({ mean, variance, weight, bias, eps: this.literal(at.eps, 1e-5) });
  }
}

/** The shape of a node of this tensor; (N, C) is a vector. */
export function shapeOf(shape: readonly number[]): Shape {
  return shape.slice(1) as unknown as Shape;
}

/** Whether the node is the mean of the whole map that it reads, as a map of one pixel. */
export function isGlobalPool(node: Node): boolean {
  if (node.op !== 'pool' || node.mode !== 'avg' || pixelsOf(node) !== 1) return false;
  const [, height, width] = inputOf(node).shape;
  const whole = node.kernel[0] === height && node.kernel[1] === width;
  return whole && node.padding[0] === 0 && node.padding[1] === 0;
}
