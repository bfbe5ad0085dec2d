import { packetOf } from '../../ops/call.ts';
import type { Trace, TraceArg, TraceValue } from '../trace/types.ts';
import type { AtenArg, AtenCall, AtenNode, Node } from './graph.ts';
import { type Known, type OpReader, shapeOf, Unsupported } from './op-reader.ts';
import { mixesImages } from './per-image.ts';

/** A call whose arguments may be results of other calls. */
interface Call {
  operator: string;
  overload: string;
  args: Arg[];
}
type Arg = { node: Node } | { literal: unknown } | Result | { list: Arg[] };
interface Result {
  call: Call;
  result: number;
}

/** Whether its first dimension is that of the images, and no other grows with them. */
export const isPerImage = ({ factors }: TraceValue): boolean =>
  factors[0] === 1 && factors.slice(1).every((factor) => factor === 0);

/** Whether it has no elements. */
export const isEmpty = ({ shape }: TraceValue): boolean => shape.includes(0);

/** As `float32 [N, 64, 2 N]`. */
export function describeValue({ dtype, shape, factors }: TraceValue): string {
  const sizes = shape.map((size, d) => {
    const factor = factors[d] ?? 0;
    return factor === 0 ? size : factor === 1 ? 'N' : `${factor} N`;
  });
  return `${dtype} [${sizes.join(', ')}]`;
}

const VIEWS = new Set(
  ['view', 'reshape', '_unsafe_view', 'view_as', 'reshape_as'].map((name) => `aten::${name}`),
);

/**
 * Leaves ops to libtorch. What is no map or vector of floats is no value of a plan: it is computed by each node that
 * needs it, on the way.
 */
export class AtenImport {
  readonly #trace: Trace;
  readonly #known: ReadonlyMap<number, Known>;
  readonly #mixed: boolean;
  readonly #results = new Map<number, Result>();

  /** @param mixed Whether a node may be several calls. */
  constructor(trace: Trace, known: ReadonlyMap<number, Known>, mixed: boolean) {
    this.#trace = trace;
    this.#known = known;
    this.#mixed = mixed;
  }

  /** Nodes of the results that can be values of a plan. `reason`: why no kernel does it. */
  run(op: OpReader, reason: string): (Node | undefined)[] | Unsupported {
    const { name: operator, overload } = op.op;
    const odd = op.results.find((result) => !isPerImage(result) || isEmpty(result));
    if (odd !== undefined)
      return new Unsupported(reason === '' ? `that gives ${describeValue(odd)}` : reason);
    if (packetOf(operator)?.overloadNames.includes(overload) !== true) return new Unsupported(reason);
    const mixing = mixesImages(op);
    if (mixing !== undefined) return new Unsupported(mixing);
    const call = this.#call(op);
    return op.op.results.map((value, result) => this.#value(op, value, { call, result }));
  }

  #value(op: OpReader, value: number, from: Result): Node | undefined {
    const { shape, dtype } = this.#trace.values[value] as TraceValue;
    const isOwn = dtype === this.#trace.values[this.#trace.inputs[0] as number]?.dtype;
    if (isOwn && (shape.length === 4 || shape.length === 2)) return this.#node(op, shape, from);
    if (!this.#mixed) throw new Unsupported('whose values are no maps or vectors of floats');
    this.#results.set(value, from);
    return undefined;
  }

  #node(op: OpReader, shape: readonly number[], { call, result }: Result): Node {
    const { calls, inputs } = flatten(call);
    const last = calls.pop() as AtenCall;
    const isPlain = calls.length === 0 && op.results.length === 1 && !last.args.some((arg) => 'list' in arg);
    if (!isPlain && !this.#mixed) throw new Unsupported('of several values');
    const more = isPlain ? {} : { before: calls, result };
    return op.make<AtenNode>({ op: 'aten', ...last, ...more }, inputs, shapeOf(shape));
  }

  #call(op: OpReader): Call {
    const { args, name: operator, overload } = op.op;
    if (!VIEWS.has(operator)) return { operator, overload, args: args.map((arg) => this.#arg(arg)) };
    // A map lies in channels_last order in a plan, which not every view can be of.
    const sizes = { literal: [-1, ...op.resultShape.slice(1)] };
    return { operator: 'aten::reshape', overload: '', args: [this.#arg(args[0] as TraceArg), sizes] };
  }

  #arg(arg: TraceArg): Arg {
    if (arg.kind === 'batch') throw new Unsupported('with the batch size as an argument');
    if (arg.kind === 'constant') return { literal: arg.tensor.detach() };
    if (arg.kind === 'literal') return { literal: arg.value };
    if (arg.kind === 'list') return this.#list(arg.items.map((item) => this.#arg(item)));
    const result = this.#results.get(arg.value);
    if (result !== undefined) return result;
    const known = this.#known.get(arg.value);
    if (known?.form === 'squeezed') return this.#squeezed(known);
    if (known !== undefined && known.shape.length === known.node.shape.length + 1)
      return { node: known.node };
    if (known === undefined || !this.#mixed)
      throw new Unsupported('on something other than a map or a vector');
    return { call: asShaped(known), result: 0 };
  }

  #squeezed({ node }: Known): Arg {
    if (!this.#mixed) throw new Unsupported('on something other than a map or a vector');
    return {
      call: { operator: 'aten::squeeze', overload: 'dim', args: [{ node }, { literal: 1 }] },
      result: 0,
    };
  }

  #list(items: Arg[]): Arg {
    if (items.every((item) => 'literal' in item)) return { literal: items.map(({ literal }) => literal) };
    if (items.some((item) => 'literal' in item)) throw new Unsupported('with a list of constants and values');
    return { list: items };
  }
}

/** A vector (N, C) that is (N, C, 1, 1), or broadcast from that, to libtorch. */
function asShaped({ node, shape }: Known): Call {
  const ones = shape.slice(2).map(() => 1);
  const reshape = {
    operator: 'aten::reshape',
    overload: '',
    args: [{ node }, { literal: [-1, shape[1], ...ones] }],
  };
  if (shape.slice(2).every((size) => size === 1)) return reshape;
  const sizes = { literal: [-1, ...shape.slice(1)] };
  return { operator: 'aten::expand', overload: '', args: [{ call: reshape, result: 0 }, sizes] };
}

/** The calls that `last` needs, each once and in order, and the nodes that they read. */
function flatten(last: Call): { calls: AtenCall[]; inputs: Node[] } {
  const [calls, inputs]: [AtenCall[], Node[]] = [[], []];
  const places = new Map<Call, number>();
  const read = (arg: Arg): AtenArg => {
    if ('literal' in arg) return arg;
    if ('list' in arg) return { list: arg.list.map(read) };
    if ('node' in arg) return { operand: inputs.push(arg.node) - 1 };
    return { call: place(arg.call), result: arg.result };
  };
  const place = (call: Call): number => {
    const known = places.get(call);
    if (known !== undefined) return known;
    const args = call.args.map(read);
    const index = calls.push({ operator: call.operator, overload: call.overload, args }) - 1;
    places.set(call, index);
    return index;
  };
  place(last);
  return { calls, inputs };
}
