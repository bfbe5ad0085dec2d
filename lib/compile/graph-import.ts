import { packetOf } from '../ops/call.ts';
import type { CompileError } from './errors.ts';
import type { AtenNode, Graph, InputNode, Node } from './graph.ts';
import type { Importer } from './graph-import-layers.ts';
import * as layers from './graph-import-layers.ts';
import * as moves from './graph-import-moves.ts';
import { type Known, OpReader, shapeOf, Unsupported } from './graph-reader.ts';
import { mixesImages } from './per-image.ts';
import { errorAt } from './trace-site.ts';
import type { Trace, TraceArg, TraceOp, TraceValue } from './trace-types.ts';

/** What happens to ops that no kernel does: an error, or libtorch runs them. */
export type UnsupportedMode = 'error' | 'eager';

const IMPORTERS: Record<string, Importer> = {
  conv2d: layers.conv2d,
  linear: layers.linear,
  matmul: layers.matmul,
  mm: layers.matmul,
  addmm: layers.addmm,
  batch_norm: layers.batchNorm,
  instance_norm: layers.instanceNorm,
  max_pool2d: layers.maxPool2d,
  avg_pool2d: layers.avgPool2d,
  adaptive_avg_pool2d: layers.adaptivePool2d('avg'),
  adaptive_max_pool2d: layers.adaptivePool2d('max'),
  max_pool2d_with_indices: layers.maxPool2d,
  mean: layers.mean,
  relu: moves.relu,
  sigmoid: moves.sigmoid,
  add: moves.add,
  sub: moves.sub,
  mul: moves.mul,
  div: moves.div,
  cat: moves.cat,
  concat: moves.cat,
  split: moves.split,
  split_with_sizes: moves.split,
  chunk: moves.split,
  narrow: moves.narrow,
  slice: moves.slice,
  dropout: moves.dropout,
  feature_dropout: moves.dropout,
  expand: moves.expand,
  expand_as: moves.expand,
  ...Object.fromEntries(
    ['flatten', 'view', 'view_as', 'reshape', 'reshape_as', '_unsafe_view', 'squeeze', 'unsqueeze'].map(
      (name) => [name, moves.reshape],
    ),
  ),
  ...Object.fromEntries(
    ['contiguous', 'clone', 'detach', 'alias', 'to', '_to_copy', 'positive', 'lift'].map((name) => [
      name,
      moves.same,
    ]),
  ),
};

/** The error for an op that has no kernel, or that with `unsupported: 'eager'` libtorch cannot run either. */
export function unsupportedError(
  op: Pick<TraceOp, 'name' | 'site'>,
  reason: string,
  mode: UnsupportedMode,
): CompileError {
  return errorAt(
    op.site,
    'ERR_COMPILE_UNSUPPORTED',
    `Expected ops that compile knows, got ${op.name}${reason === '' ? '' : ` ${reason}`}`,
    mode === 'error'
      ? "pass { unsupported: 'eager' } to run it with libtorch"
      : 'do it on the outputs of run(), or run the network without compile',
  );
}

/** Nodes of what the trace recorded. */
export function importGraph(trace: Trace, unsupported: UnsupportedMode): Graph {
  const known = new Map<number, Known>();
  for (const [index, value] of trace.inputs.entries()) {
    const { shape } = trace.values[value] as TraceValue;
    known.set(value, { node: inputNode(index, shape), shape });
  }
  for (const [i, op] of trace.ops.entries()) importOp(op, i, trace, known, unsupported);
  const outputs = trace.outputs.map(({ name, value }) => ({
    name,
    node: outputNode(name, known.get(value)),
  }));
  const inputs = trace.inputs.map((value) => (known.get(value) as Known).node.shape);
  return { inputs, outputs };
}

function inputNode(index: number, shape: readonly number[]): InputNode {
  const site = { module: '', stack: {} };
  return { op: 'input', index, order: -1, site, shape: shapeOf(shape), inputs: [], slots: [] };
}

function outputNode(name: string, known: Known | undefined): Node {
  if (known !== undefined && known.shape.length === known.node.shape.length + 1) return known.node;
  const site = known?.node.site ?? { module: '', stack: {} };
  const got = `[${known?.shape.join(', ')}]`;
  const message = `Expected a map (N, C, H, W) or a vector (N, C) for output "${name}", got ${got}`;
  throw errorAt(site, 'ERR_COMPILE_UNSUPPORTED', message);
}

function importOp(
  op: TraceOp,
  order: number,
  trace: Trace,
  known: Map<number, Known>,
  mode: UnsupportedMode,
): void {
  const results = op.results.flatMap((value) => trace.values[value] ?? []);
  const reader = new OpReader(op, order, results, known);
  let made = importerOf(op, reader, trace)(reader);
  if (made instanceof Unsupported && mode === 'eager') made = importAten(reader, trace, made.reason);
  if (made instanceof Unsupported) throw unsupportedError(op, made.reason, mode);
  const nodes = Array.isArray(made) ? made : [made];
  for (const [i, value] of op.results.entries()) {
    const node = nodes[i];
    if (node !== undefined) known.set(value, { node, shape: (trace.values[value] as TraceValue).shape });
  }
}

/** Give the places of the maxima too, which no kernel does; an op that reads them is refused by itself. */
const FIRST_OF_TWO = new Set(['aten::adaptive_max_pool2d', 'aten::max_pool2d_with_indices']);

/** Results must be per image and of the network's own dtype. */
function importerOf(op: TraceOp, reader: OpReader, trace: Trace): Importer {
  const dtype = trace.values[trace.inputs[0] as number]?.dtype;
  const results = FIRST_OF_TWO.has(op.name) ? reader.results.slice(0, 1) : reader.results;
  const other = results.find((result) => result.dtype !== dtype || result.shape[0] !== trace.batch);
  if (other !== undefined) {
    return () => new Unsupported(`that gives ${other.dtype} [${other.shape.join(', ')}]`);
  }
  const name = op.name.startsWith('aten::') ? op.name.slice(6) : '';
  const importer = Object.hasOwn(IMPORTERS, name) ? IMPORTERS[name] : undefined;
  return importer === undefined || op.overload.endsWith('out') ? () => new Unsupported('') : importer;
}

/** Leaves the op to libtorch, where it takes maps and vectors and gives one. */
function importAten(op: OpReader, trace: Trace, reason: string): AtenNode | Unsupported {
  const shape = op.resultShape;
  const fits = op.results.length === 1 && (shape.length === 4 || shape.length === 2);
  const inPlaceOnly = packetOf(op.op.name)?.overloadNames.includes(op.op.overload) !== true;
  const sameDType = op.results[0]?.dtype === trace.values[trace.inputs[0] as number]?.dtype;
  if (!fits || shape[0] !== trace.batch || inPlaceOnly || !sameDType) {
    return new Unsupported(reason === '' ? 'that does not give one map or vector of floats' : reason);
  }
  const mixing = mixesImages(op);
  if (mixing !== undefined) return new Unsupported(mixing);
  const inputs: Node[] = [];
  const args = op.op.args.map((arg) => atenArg(op, arg, inputs));
  const refused = args.find((arg) => arg instanceof Unsupported);
  if (refused instanceof Unsupported) return refused;
  const { name: operator, overload } = op.op;
  return op.make<AtenNode>({ op: 'aten', operator, overload, args: args as AtenNode['args'] }, inputs);
}

function atenArg(op: OpReader, arg: TraceArg, inputs: Node[]): AtenNode['args'][number] | Unsupported {
  if (arg.kind === 'batch') return new Unsupported('with the batch size as an argument');
  if (arg.kind === 'constant') return { literal: arg.tensor.detach() };
  if (arg.kind === 'literal') return { literal: arg.value };
  if (arg.kind === 'list') {
    const items = arg.items.map((item) => atenArg(op, item, inputs));
    const plain = items.every((item) => 'literal' in item);
    return plain
      ? { literal: items.map((item) => (item as { literal: unknown }).literal) }
      : new Unsupported('with a list of values');
  }
  const known = op.knownOf(arg);
  if (known === undefined || known.shape.length !== known.node.shape.length + 1) {
    return new Unsupported('on something other than a map or a vector');
  }
  inputs.push(known.node);
  return { operand: inputs.length - 1 };
}
