import {
  channelsOf,
  type Graph,
  type MoveNode,
  type Node,
  operand,
  type Quantized,
  type Shape,
  type Slot,
  sorted,
  Uses,
} from '../graph/graph.ts';

/** Memory that a node writes, or several that write ranges of its channels. */
export interface BufferSlot {
  readonly shape: Shape;
  readonly op?: Node['op'];
  readonly quantized?: Quantized;
}

/** Where a node's values lie. */
export interface Place {
  readonly slot: BufferSlot;
  /** First channel. */
  readonly from: number;
}

/** Nodes in the order of execution, and where each one's values lie. */
export interface BufferAssignment {
  readonly order: readonly Node[];
  readonly places: ReadonlyMap<Node, Place>;
}

const isView = (node: Node): boolean => node.op === 'cat' || node.op === 'slice';
/** Kernels that can write a range of channels of a wider map. */
const WRITERS = new Set<Node['op']>([
  'conv',
  'pool',
  'apply',
  'pointwise',
  'softmax',
  'layerNorm',
  'reduce',
  'spread',
  'resize',
  'cat',
  'copy',
  'planar',
]);

function moveOf(op: MoveNode['op'], input: Node, user: Node): MoveNode {
  const { site, shape } = input;
  return {
    op,
    order: user.order,
    site: op === 'copy' ? user.site : site,
    shape,
    inputs: [input],
    slots: ['input'],
  };
}

/** Convolutions and libtorch read the network's input as it comes, all else reads a map. */
export function insertPlanar(graph: Graph): void {
  const uses = new Uses(graph);
  for (const node of sorted(graph)) {
    if (node.op !== 'input') continue;
    const readers = uses.of(node);
    const direct = readers.filter(
      (use) =>
        'node' in use &&
        ((use.node.op === 'conv' && use.slot === 'input' && use.node.prologue === null) ||
          use.node.op === 'aten'),
    );
    if (direct.length === readers.length) continue;
    const move = moveOf('planar', node, node);
    const kept = new Set(direct.map((use) => ('node' in use ? use.node : undefined)));
    for (const user of sorted(graph)) {
      user.inputs = user.inputs.map((input, i) => {
        const stays = kept.has(user) && user.slots[i] === 'input';
        return input === node && !stays ? move : input;
      });
    }
    for (const output of graph.outputs) if (output.node === node) output.node = move;
  }
}

/**
 * Gives each concatenation one piece of memory that its parts are written to; parts that cannot be written there
 * are copied.
 */
function placeConcatenations(graph: Graph, places: Map<Node, Place>): void {
  for (const cat of sorted(graph).reverse()) {
    if (cat.op !== 'cat') continue;
    const { slot, from } = places.get(cat) ?? { slot: { shape: cat.shape }, from: 0 };
    places.set(cat, { slot, from });
    let next = from;
    cat.inputs = cat.inputs.map((input) => {
      const part = !places.has(input) && WRITERS.has(input.op) ? input : moveOf('copy', input, cat);
      places.set(part, { slot, from: next });
      next += channelsOf(input);
      return part;
    });
  }
}

/** For every node, the position of the last one that reads its memory; infinite for outputs. */
function lastReads(graph: Graph, order: readonly Node[]): Map<Node, number> {
  const last = new Map<Node, number>();
  const uses = new Uses(graph);
  const position = new Map(order.map((node, i) => [node, i]));
  for (const node of [...order].reverse()) {
    const reads = uses.of(node).map((use) => {
      if ('output' in use) return Number.POSITIVE_INFINITY;
      return isView(use.node) ? (last.get(use.node) as number) : (position.get(use.node) as number);
    });
    last.set(node, Math.max(-1, ...reads));
  }
  return last;
}

const OVERWRITABLE: { [op in Node['op']]?: Slot[] } = {
  apply: ['input', 'add'],
  pointwise: ['input', 'other'],
  softmax: ['input'],
  layerNorm: ['input'],
  conv: ['add'],
};
/** These read each element at the place that they write, of all operands that have the result's sizes. */
const BY_ELEMENT = new Set<Node['op']>(['apply', 'pointwise']);

/** Operands whose memory the node may write its result to. */
function overwritable(node: Node): Node[] {
  const slots: Slot[] | undefined = OVERWRITABLE[node.op];
  return slots?.flatMap((slot) => operand(node, slot) ?? []) ?? [];
}

const isSameSize = (a: Node, b: Node): boolean => a.shape.join() === b.shape.join();

class Placing {
  readonly places: Map<Node, Place>;
  readonly #members = new Map<BufferSlot, Node[]>();
  readonly #lastReads: ReadonlyMap<Node, number>;

  constructor(places: Map<Node, Place>, last: ReadonlyMap<Node, number>) {
    this.places = places;
    this.#lastReads = last;
    for (const [node, place] of places) this.#join(node, place);
  }

  #join(node: Node, place: Place): void {
    this.places.set(node, place);
    const members = this.#members.get(place.slot);
    if (members === undefined) this.#members.set(place.slot, [node]);
    else members.push(node);
  }

  place(node: Node, position: number): void {
    if (this.places.has(node) || node.op === 'input') return;
    this.#join(node, this.#view(node) ?? this.#inPlace(node, position) ?? { slot: node, from: 0 });
  }

  #view(node: Node): Place | undefined {
    const source = node.op === 'slice' ? this.places.get(node.inputs[0] as Node) : undefined;
    return node.op === 'slice' && source ? { ...source, from: source.from + node.from } : undefined;
  }

  #inPlace(node: Node, position: number): Place | undefined {
    const free = overwritable(node).find((candidate) => this.#isFree(node, candidate, position));
    return free === undefined ? undefined : this.places.get(free);
  }

  /** Nothing later reads what lies there, and other operands do not lie there, unless element by element. */
  #isFree(node: Node, candidate: Node, position: number): boolean {
    const place = this.places.get(candidate);
    if (place === undefined || !isSameSize(candidate, node)) return false;
    if (candidate.quantized !== undefined || node.quantized !== undefined) return false;
    const others = node.inputs.filter((input) => this.places.get(input)?.slot === place.slot);
    const asOneReads = (other: Node) =>
      BY_ELEMENT.has(node.op) && this.places.get(other)?.from === place.from && isSameSize(other, node);
    // A convolution reads around what it writes.
    const readsAround = node.op === 'conv' && operand(node, 'input') === candidate;
    if (readsAround || !others.every((other) => other === candidate || asOneReads(other))) return false;
    return (this.#members.get(place.slot) as Node[]).every(
      (member) => !this.#overlap(member, candidate) || (this.#lastReads.get(member) as number) <= position,
    );
  }

  #overlap(a: Node, b: Node): boolean {
    const [x, y] = [this.places.get(a), this.places.get(b)] as [Place, Place];
    return x.from < y.from + channelsOf(b) && y.from < x.from + channelsOf(a);
  }
}

/** Decides what is computed when and where: concatenations without copies, results over operands that end there. */
export function layOut(graph: Graph): BufferAssignment {
  insertPlanar(graph);
  const places = new Map<Node, Place>();
  placeConcatenations(graph, places);
  const order = sorted(graph);
  const placing = new Placing(places, lastReads(graph, order));
  for (const [position, node] of order.entries()) placing.place(node, position);
  return { order, places: placing.places };
}
