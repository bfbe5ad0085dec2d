import { type ConvNode, type Graph, moduleOf, type Node, sorted, type Use, Uses } from '../graph/graph.ts';
import {
  hasInt8Kernel,
  int8Of,
  type Layer,
  largestWeight,
  layersOf,
  quantizedOf,
} from '../graph/quantized.ts';
import type { Quantization, QuantizedLayer } from '../quantization.ts';
import type { Parts } from '../turns.ts';
import { givesStatistics, meansOfConvolutions, statisticsNeeds } from './statistics.ts';

/** Whether a use reads the map as it is, and takes bytes. */
const takesBytes = (use: Use): boolean =>
  'node' in use &&
  use.node.op === 'conv' &&
  use.node.int8 !== undefined &&
  (use.slot === 'add' || use.node.prologue === null);

/** Convolutions whose maps nothing but convolutions of integers reads, and that need no statistics. */
function bytesWriters(graph: Graph): ConvNode[] {
  const order = sorted(graph);
  const uses = new Uses(graph);
  const [needs, means] = [statisticsNeeds(order), meansOfConvolutions(order)];
  const hasStatistics = (node: Node) => givesStatistics(node) && (needs.has(node) || means.has(node));
  return order.filter(
    (node): node is ConvNode =>
      node.op === 'conv' &&
      node.int8 !== undefined &&
      !hasStatistics(node) &&
      uses.of(node).every(takesBytes),
  );
}

/** The layers of a graph beside what a quantisation says of each. */
function paired(graph: Graph, { layers: known }: Quantization): [Layer, QuantizedLayer][] {
  const layers = layersOf(graph);
  const fits = (layer: Layer, { name, weight }: QuantizedLayer) =>
    moduleOf(layer) === name && layer.weight.shape.join() === weight.join();
  const wrong = layers.findIndex((layer, i) => known[i] === undefined || !fits(layer, known[i]));
  if (wrong < 0 && layers.length === known.length) {
    const pairs = layers.map((layer, i): [Layer, QuantizedLayer] => [layer, known[i] as QuantizedLayer]);
    for (const [layer, own] of pairs) checkWeights(layer, own);
    return pairs;
  }
  const at = wrong < 0 ? layers.length : wrong;
  throw new RangeError(
    `Expected the quantization of this network for compile, whose layer ${at} is ${describe(layers[at])}, got ` +
      `${describeKnown(known[at])}; call quantize() on it`,
  );
}

/** Ranges belong to the weights that were calibrated. */
function checkWeights(layer: Layer, { name, largestWeight: wanted }: QuantizedLayer): void {
  const largest = largestWeight(layer);
  if (Object.is(largest, wanted)) return;
  throw new RangeError(
    `Expected the weights that the quantization for compile was made with, the largest of ${name} being ${wanted}, got ${largest}; ` +
      'call quantize() on this network',
  );
}

const text = (name: string, shape: readonly number[]) => `${name} of [${shape.join(', ')}]`;
const describe = (layer: Layer | undefined) =>
  layer === undefined ? 'none' : text(moduleOf(layer), layer.weight.shape);
const describeKnown = (layer: QuantizedLayer | undefined) =>
  layer === undefined ? 'none' : text(layer.name, layer.weight);

/** Has the layers multiply integers that `quantization` says, and keeps maps between them as bytes. */
export function* quantizeGraph(graph: Graph, quantization: Quantization): Parts<void> {
  const known = new Map<Node, QuantizedLayer>();
  for (const [layer, own] of paired(graph, quantization)) {
    known.set(layer, own);
    if (own.precision !== 'int8') continue;
    if (!hasInt8Kernel(layer)) {
      throw new RangeError(
        `Expected "float32" for the precision of ${own.name} in compile quantization, got "int8"; there is no kernel of ` +
          'integers for groups, a sigmoid or so many weights',
      );
    }
    layer.int8 = int8Of(layer, quantizedOf(own.input));
    yield;
  }
  for (const node of bytesWriters(graph))
    node.quantized = quantizedOf((known.get(node) as QuantizedLayer).output);
}
