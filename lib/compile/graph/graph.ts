import type { Tensor } from '../../tensor/index.ts';
import type { Site } from '../trace/site.ts';

/** Sizes without the batch: `[channels, height, width]` of a map, `[channels]` of a vector. */
export type Shape = readonly [number, number, number] | readonly [number];

/** A range of channels of a normalisation. */
export type NormPart =
  /** `x * scale + shift`; null is the identity. In float64, so that folding loses nothing. */
  | { kind: 'constant'; channels: number; affine: { scale: Float64Array; shift: Float64Array } | null }
  /** By each image's own mean and variance, of each channel or of `groups` equal groups; weight and bias are float32. */
  | {
      kind: 'instance';
      channels: number;
      weight: Tensor | null;
      bias: Tensor | null;
      eps: number;
      groups?: number;
    };

/** A normalisation; what shares the object shares the scales made from one map's statistics. */
export interface Norm {
  readonly module: string;
  readonly parts: readonly NormPart[];
}

/** Done to each element that a node reads: the norm, then `max(0, .)`. */
export interface Prologue {
  norm: Norm | null;
  relu: boolean;
}

/** What an operand is to the node that reads it. Only `input` can have a `prologue`. */
export type Slot = 'input' | 'add' | 'gate' | 'other';

/** An element q of 0 to 255 stands for `(q - zeroPoint) * scale`. */
export interface Quantized {
  scale: number;
  zeroPoint: number;
}

/** A layer that multiplies integers. */
export interface Int8 {
  /** int8, as the layer's weight is laid out. */
  weight: Tensor;
  /** float32 (out): what one of an output channel's weights stands for. */
  weightScale: Tensor;
  /** What the input is quantised to, after the prologue. */
  input: Quantized;
}

interface Base {
  /** Position in the forward; nodes that passes make take that of what they replace. */
  readonly order: number;
  /** The module and the line that asked for it. */
  readonly site: Site;
  readonly shape: Shape;
  /** Operands, as many as `slots`. */
  inputs: Node[];
  slots: Slot[];
  /** Its map lies in memory as bytes. */
  quantized?: Quantized;
}

/** An input of the network. */
export interface InputNode extends Base {
  op: 'input';
  index: number;
}
/**
 * `planar`: the network's NCHW input as a map. `copy`: into the range of a concatenation. `spread`: a vector over all
 * pixels of a map.
 */
export interface MoveNode extends Base {
  op: 'planar' | 'copy' | 'spread';
}
/** Convolution of `prologue(input)`, plus `add`, then `max(0, .)` if `relu`. */
export interface ConvNode extends Base {
  op: 'conv';
  /** float32 or what the model has, (out, in / groups, kH, kW). */
  weight: Tensor;
  /** What norms that were folded multiply the output channels by, float64. The weight itself stays the model's. */
  weightScale?: Tensor;
  bias: Tensor | null;
  stride: [number, number];
  padding: [number, number];
  dilation: [number, number];
  groups: number;
  prologue: Prologue | null;
  relu: boolean;
  int8?: Int8;
}
/** Largest value, or mean, of each window. */
export interface PoolNode extends Base {
  op: 'pool';
  mode: 'max' | 'avg';
  kernel: [number, number];
  stride: [number, number];
  padding: [number, number];
  /** Whether a last window may reach beyond the padded map; the node's shape follows it. */
  ceilMode: boolean;
  countIncludePad: boolean;
  prologue: Prologue | null;
}
/** Mean of each channel's map: a vector. */
export interface MeanNode extends Base {
  op: 'mean';
  prologue: Prologue | null;
}
/** vector -> vector. */
export interface LinearNode extends Base {
  op: 'linear';
  weight: Tensor;
  bias: Tensor | null;
  activation: 'none' | 'relu' | 'sigmoid';
  int8?: Int8;
}
/** `prologue(input) * gate + add`, then `max(0, .)` if `relu`; of a map, or without a gate of a vector. */
export interface ApplyNode extends Base {
  op: 'apply';
  prologue: Prologue | null;
  relu: boolean;
}
/** What is done with two elements. */
export type Combine = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'minimum';
/** A function of one element, by its name in the kernels, and the numbers that it takes. */
export interface ElementFunction {
  readonly name: string;
  readonly args: readonly number[];
}
/**
 * `functions(prologue(input) combined with other)`, the first function first. Sizes of the operands are broadcast; a vector stands for
 * a map of one pixel.
 */
export interface PointwiseNode extends Base {
  op: 'pointwise';
  prologue: Prologue | null;
  /** null: there is no other. */
  combine: Combine | null;
  /** In the place of the other operand: float32, (C or 1, H or 1, W or 1). */
  constant: Tensor | null;
  functions: readonly ElementFunction[];
}
/** A map of another height and width, channel by channel. */
export interface ResizeNode extends Base {
  op: 'resize';
  mode: 'nearest' | 'nearest-exact' | 'bilinear';
  alignCorners: boolean;
  /** Rows and columns of the input for one of the output; float32. */
  scale: [number, number];
}
/** Over the channels of each pixel, or the elements of a vector; `log`: the logarithm of it. */
export interface SoftmaxNode extends Base {
  op: 'softmax';
  log: boolean;
}
/** Normalises the channels of each pixel, or the elements of a vector; weight and bias are float32 (C). */
export interface LayerNormNode extends Base {
  op: 'layerNorm';
  weight: Tensor | null;
  bias: Tensor | null;
  eps: number;
}
/** The channels of each pixel, or the elements of a vector, as one. */
export interface ReduceNode extends Base {
  op: 'reduce';
  reduction: 'sum' | 'mean' | 'max' | 'min';
}
/** The largest channel of each pixel, or element of a vector, int64. Only outputs read it. */
export interface ArgmaxNode extends Base {
  op: 'argmax';
}
/** A normalisation that no pass has joined with another node yet. */
export interface NormNode extends Base {
  op: 'norm';
  norm: Norm;
}
/** `norm(input + add)`, then `max(0, .)` if `relu`: the fused op of CUDA. */
export interface FusedNormNode extends Base {
  op: 'fusedNorm';
  norm: Norm;
  relu: boolean;
}
/** Channels from `from` on. */
export interface SliceNode extends Base {
  op: 'slice';
  from: number;
}
/** Ops without attributes; `gate` scales channels, `cat` joins channels, `flatten` makes a vector of all elements. */
export interface PlainNode extends Base {
  op: 'relu' | 'sigmoid' | 'add' | 'gate' | 'cat' | 'flatten';
}
/** An argument of an op of libtorch: an operand by its place in `inputs`, a result of an earlier call, or a constant. */
export type AtenArg =
  | { operand: number }
  | { literal: unknown }
  | { call: number; result: number }
  | { list: AtenArg[] };
/** A call of libtorch's; arguments in schema order. */
export interface AtenCall {
  operator: string;
  overload: string;
  args: AtenArg[];
}
/** An op that libtorch runs, after the calls that it needs whose values are no maps or vectors of floats. */
export interface AtenNode extends Base, AtenCall {
  op: 'aten';
  before?: AtenCall[];
  /** Which of the op's results; given beside `before`. */
  result?: number;
}

/** What computes a value; `op` tells the kind. */
export type Node =
  | InputNode
  | MoveNode
  | ConvNode
  | PoolNode
  | MeanNode
  | LinearNode
  | ApplyNode
  | PointwiseNode
  | ResizeNode
  | SoftmaxNode
  | LayerNormNode
  | ReduceNode
  | ArgmaxNode
  | NormNode
  | FusedNormNode
  | SliceNode
  | PlainNode
  | AtenNode;

/** A network as nodes; what its outputs do not reach is not part of it. */
export interface Graph {
  /** Sizes of the network's inputs. */
  readonly inputs: readonly Shape[];
  outputs: Output[];
}

/** What the network gives. */
export interface Output {
  name: string;
  node: Node;
  /** Of one image, where they are not the node's: of indices. */
  sizes?: readonly number[];
}

/** A rewriting of a graph, in place. */
export type Pass = (graph: Graph) => void;

/** Channels of a map, elements of a vector. */
export const channelsOf = (node: Node): number => node.shape[0];
/** Whether it is (N, C, H, W); else (N, C). */
export const isMap = (node: Node): boolean => node.shape.length === 3;
/** Pixels of a map; 1 for a vector. */
export const pixelsOf = ({ shape }: Node): number => (shape[1] ?? 1) * (shape[2] ?? 1);

/** The operand in a slot. */
export function operand(node: Node, slot: Slot): Node | undefined {
  return node.inputs[node.slots.indexOf(slot)];
}

/** The operand of a node that has one. */
export const inputOf = (node: Node): Node => node.inputs[0] as Node;

/** The path of the module that a node is of. */
export const moduleOf = (node: Node): string => node.site.module;

/** Every node that the outputs need, after its operands, and else in the order of the forward. */
export function sorted(graph: Graph): Node[] {
  const reached = new Set<Node>();
  const pending = graph.outputs.map(({ node }) => node);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (reached.has(node)) continue;
    reached.add(node);
    pending.push(...node.inputs);
  }
  const done = new Set<Node>();
  for (const node of [...reached].sort((a, b) => a.order - b.order)) visit(node, done);
  return [...done];
}

/** Adds `root` to `done` behind all that it needs; without recursion, as networks may be deep. */
function visit(root: Node, done: Set<Node>): void {
  const stack = [root];
  for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
    const missing = done.has(node) ? [] : node.inputs.filter((input) => !done.has(input));
    if (missing.length > 0) stack.push(...missing.reverse());
    else done.add(stack.pop() as Node);
  }
}

/** Where a value is used: by a node in a slot, or as an output. */
export type Use = { node: Node; slot: Slot } | { output: string };

/** The uses of every node. */
export class Uses {
  readonly #uses = new Map<Node, Use[]>();

  constructor(graph: Graph) {
    for (const node of sorted(graph)) {
      for (const [i, input] of node.inputs.entries()) this.#add(input, { node, slot: node.slots[i] as Slot });
    }
    for (const { name, node } of graph.outputs) this.#add(node, { output: name });
  }

  #add(node: Node, use: Use): void {
    const uses = this.#uses.get(node);
    if (uses === undefined) this.#uses.set(node, [use]);
    else uses.push(use);
  }

  of(node: Node): readonly Use[] {
    return this.#uses.get(node) ?? [];
  }

  /** The node that alone uses `node`, once. */
  onlyUser(node: Node): Node | undefined {
    const [use, second] = this.of(node);
    return use !== undefined && second === undefined && 'node' in use ? use.node : undefined;
  }
}

/** Lets everything that reads `old` read `next`. */
export function replace(graph: Graph, old: Node, next: Node): void {
  for (const node of sorted(graph)) {
    if (node !== next) node.inputs = node.inputs.map((input) => (input === old ? next : input));
  }
  for (const output of graph.outputs) if (output.node === old) output.node = next;
}

/**
 * Calls `rewrite` on every node in order until a round changes nothing. It says whether it changed the graph, in
 * which case the uses are counted anew.
 */
export function rewriteAll(graph: Graph, rewrite: (node: Node, uses: Uses) => boolean): void {
  for (let changed = true; changed; ) {
    changed = false;
    let uses = new Uses(graph);
    for (const node of sorted(graph)) {
      if (!isReached(node, uses) || !rewrite(node, uses)) continue;
      changed = true;
      uses = new Uses(graph);
    }
  }
}

const isReached = (node: Node, uses: Uses): boolean => uses.of(node).length > 0;
