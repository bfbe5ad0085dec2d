import { create } from '@bufbuild/protobuf';
import type { OnnxGraph } from './onnx-graph.ts';
import { NodeProtoSchema } from './schema/onnx-pb.ts';

/**
 * Gives the outputs their names, and leaves out what no output needs.
 *
 * @param outputs What each is called so far, and what it is to be called.
 */
export function finish(
  graph: OnnxGraph,
  outputs: readonly (readonly [made: string, wanted: string])[],
): void {
  const produced = new Set(graph.nodes.flatMap(({ output }) => output));
  const renamed = new Map<string, string>();
  for (const [made, wanted] of outputs) {
    if (produced.has(made) && !renamed.has(made)) renamed.set(made, wanted);
    else addCopy(graph, made, wanted);
  }
  const rename = (name: string) => renamed.get(name) ?? name;
  for (const node of graph.nodes) {
    node.input = node.input.map(rename);
    node.output = node.output.map(rename);
  }
  prune(
    graph,
    outputs.map(([, wanted]) => wanted),
  );
}

/** An input, or a value that is an output already, under another name. */
function addCopy(graph: OnnxGraph, input: string, output: string): void {
  const name = graph.name(`${output}/Identity`);
  graph.nodes.push(create(NodeProtoSchema, { name, opType: 'Identity', input: [input], output: [output] }));
}

function prune({ nodes, initializers }: OnnxGraph, outputs: readonly string[]): void {
  const needed = new Set(outputs);
  const kept = nodes.toReversed().filter(({ input, output }) => {
    if (!output.some((name) => needed.has(name))) return false;
    for (const name of input) needed.add(name);
    return true;
  });
  nodes.splice(0, nodes.length, ...kept.reverse());
  const own = initializers.filter(({ name }) => needed.has(name));
  initializers.splice(0, initializers.length, ...own);
}
