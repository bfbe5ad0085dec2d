import type { CompileError } from '../errors.ts';
import { errorAt } from '../trace/site.ts';
import type { Trace, TraceArg, TraceOp, TraceValue } from '../trace/types.ts';
import { type Graph, type InputNode, isMap, type MoveNode, type Node, type Output } from './graph.ts';
import { IMPORTERS, type Target } from './importers.ts';
import type { Importer } from './layers.ts';
import { AtenImport, describeValue, isEmpty, isPerImage } from './left-to-libtorch.ts';
import { type Known, OpReader, shapeOf, Unsupported } from './op-reader.ts';

/** What happens to ops that no kernel does: an error, or libtorch runs them. */
export type UnsupportedMode = 'error' | 'eager';

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

/**
 * Nodes of what the trace recorded.
 *
 * @param target The CPU has kernels for more ops, and its nodes may be several calls of libtorch's.
 */
export function importGraph(trace: Trace, unsupported: UnsupportedMode, target: Target = 'cpu'): Graph {
  const known = new Map<number, Known>();
  for (const [index, value] of trace.inputs.entries()) {
    const { shape } = trace.values[value] as TraceValue;
    known.set(value, { node: inputNode(index, shape), shape });
  }
  const libtorch = new AtenImport(trace, known, target === 'cpu');
  for (const [i, op] of trace.ops.entries()) {
    const reader = new OpReader(op, i, trace.values, known);
    importOp(reader, importerOf(op, reader, trace, target), trace, known, unsupported, libtorch);
  }
  const outputs = trace.outputs.map(({ name, value }) =>
    outputOf(name, known.get(value), trace.values[value] as TraceValue),
  );
  const inputs = trace.inputs.map((value) => (known.get(value) as Known).node.shape);
  return { inputs, outputs };
}

function inputNode(index: number, shape: readonly number[]): InputNode {
  const site = { module: '', stack: {} };
  return { op: 'input', index, order: -1, site, shape: shapeOf(shape), inputs: [], slots: [] };
}

function outputOf(name: string, known: Known | undefined, value: TraceValue): Output {
  if (known?.form === 'indices') return { name, node: known.node, sizes: known.shape.slice(1) };
  if (known !== undefined && known.shape.length === known.node.shape.length + 1)
    return { name, node: known.node };
  if (known?.shape.length === 4) return { name, node: spread(known) };
  const site = known?.node.site ?? { module: '', stack: {} };
  const got = describeValue(value);
  const message = `Expected a float map (N, C, H, W) or vector (N, C) for output "${name}", got ${got}`;
  throw errorAt(site, 'ERR_COMPILE_UNSUPPORTED', message);
}

/** A vector that is a map to libtorch. */
function spread({ node, shape }: Known): MoveNode {
  const { order, site } = node;
  return { op: 'spread', order, site, shape: shapeOf(shape), inputs: [node], slots: ['input'] };
}

function importOp(
  reader: OpReader,
  importer: Importer,
  trace: Trace,
  known: Map<number, Known>,
  mode: UnsupportedMode,
  libtorch: AtenImport,
): void {
  const { op } = reader;
  checkFixed(op);
  let made: (Node | undefined)[] | Node | Unsupported = attempt(importer, reader);
  if (made instanceof Unsupported && mode === 'eager') {
    const { reason } = made;
    made = attempt(() => libtorch.run(reader, reason), reader);
  }
  if (made instanceof Unsupported) throw unsupportedError(op, made.reason, mode);
  const nodes = Array.isArray(made) ? made : [made];
  if (nodes.length < op.results.length && mode === 'eager')
    nodes.push(...others(reader, libtorch, nodes.length));
  for (const [i, value] of op.results.entries()) {
    const node = nodes[i];
    if (node === undefined) continue;
    const { shape } = trace.values[value] as TraceValue;
    known.set(value, { node, shape, ...formOf(node, shape) });
  }
  // What reads indices is libtorch's.
  if (mode === 'eager' && nodes.some((node) => node?.op === 'argmax')) others(reader, libtorch, 0);
}

function formOf(node: Node, shape: readonly number[]): Pick<Known, 'form'> {
  if (node.op === 'argmax') return { form: 'indices' };
  return node.op === 'reduce' && isMap(node) && shape.length === 3 ? { form: 'squeezed' } : {};
}

/** Results that no kernel gives, such as the places of maxima. */
function others(reader: OpReader, libtorch: AtenImport, from: number): (Node | undefined)[] {
  const made = attempt(() => libtorch.run(reader, ''), reader);
  return made instanceof Unsupported ? [] : made.slice(from);
}

/** What an importer makes; arguments that it cannot read are thrown. */
function attempt<T>(importer: (op: OpReader) => T, reader: OpReader): T | Unsupported {
  try {
    return importer(reader);
  } catch (error) {
    if (error instanceof Unsupported) return error;
    throw error;
  }
}

/** Ops whose arguments are sizes: those of their results say all, and are compared between batch sizes. */
const TAKE_SIZES = new Set(
  ['view', 'reshape', '_unsafe_view', 'expand', 'broadcast_to', 'unflatten'].map((name) => `aten::${name}`),
);

/** A number that grows with the batch is another one at every run, and a plan has it once. */
function checkFixed(op: TraceOp): void {
  const grown = op.args.flatMap((arg) => (arg.kind === 'list' ? arg.items : [arg])).find(isBatch);
  if (grown === undefined || TAKE_SIZES.has(op.name)) return;
  throw errorAt(
    op.site,
    'ERR_COMPILE_BATCH',
    `Expected numbers that are the same for every batch size, got ${grown.factor === 1 ? '' : `${grown.factor} times `}` +
      `the batch size for ${op.name}`,
    'give a fixed number, or do it on the outputs of run()',
  );
}

const isBatch = (arg: TraceArg): arg is TraceArg & { kind: 'batch' } => arg.kind === 'batch';

/** Give the places of the maxima too, which no kernel does; an op that reads them is refused by itself. */
const FIRST_OF_TWO = new Set(
  ['adaptive_max_pool2d', 'max_pool2d_with_indices', 'max', 'min'].map((name) => `aten::${name}`),
);

/** Give indices on the CPU. */
const GIVES_INDICES = new Set(['aten::argmax']);

/** Results must be per image and of the network's own dtype, or indices of an op that may give them. */
function importerOf(op: TraceOp, reader: OpReader, trace: Trace, target: Target): Importer {
  const importers = IMPORTERS[target];
  const own = trace.values[trace.inputs[0] as number]?.dtype;
  const dtype = target === 'cpu' && GIVES_INDICES.has(op.name) ? 'int64' : own;
  const results = FIRST_OF_TWO.has(op.name) ? reader.results.slice(0, 1) : reader.results;
  const other = results.find((result) => result.dtype !== dtype || !isPerImage(result) || isEmpty(result));
  if (other !== undefined) return () => new Unsupported(`that gives ${describeValue(other)}`);
  const name = op.name.startsWith('aten::') ? op.name.slice(6) : '';
  const importer = Object.hasOwn(importers, name) ? importers[name] : undefined;
  return importer === undefined || op.overload.endsWith('out') ? () => new Unsupported('') : importer;
}
