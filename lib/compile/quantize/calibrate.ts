import { scope, type Tensor } from '../../tensor/index.ts';
import { CompiledModel } from '../compiled-model.ts';
import { buildRecorded } from '../cpu/lower.ts';
import type { Recording } from '../cpu/recording.ts';
import { type ApplyNode, type Graph, inputOf, moduleOf, type Node, type Prologue } from '../graph/graph.ts';
import { hasInt8Kernel, type Layer, largestWeight, layersOf, type ValueRange } from '../graph/quantized.ts';
import type { Observer, QuantizedLayer } from '../quantization.ts';
import { Histogram } from './histogram.ts';
import { rangeOf } from './observers.ts';

/** What a layer reads and writes, as outputs of a graph. */
interface Watched {
  layer: Pick<QuantizedLayer, 'name' | 'kind' | 'weight' | 'largestWeight'> & { fits: boolean };
  input: string;
  output: string;
}

/** A network that gives, besides its outputs, what every layer reads and writes. */
export class Calibration {
  readonly #model: CompiledModel<Record<string, Tensor> | Tensor>;
  readonly #watched: readonly Watched[];
  readonly #seen = new Map<string, Histogram>();

  private constructor(model: CompiledModel<Record<string, Tensor>>, watched: readonly Watched[]) {
    this.#model = model;
    this.#watched = watched;
  }

  static async start(
    recording: Recording,
    shape: readonly number[],
    threads: number | undefined,
  ): Promise<Calibration> {
    const watched: Watched[] = [];
    const finish = (graph: Graph) => watch(graph, watched);
    const plan = await buildRecorded(recording, { inputs: [shape] }, finish);
    const run = threads === undefined ? {} : { threads };
    const fast = await CompiledModel.fromPlan<Record<string, Tensor>>(plan, { ...run, keepWeights: false });
    return new Calibration(fast, watched);
  }

  /** Counts what a batch gives. Returns the name of a layer with a value that is no finite number. */
  async add(images: Tensor): Promise<string | undefined> {
    const given = (await this.#model.run(images)) as Record<string, Tensor>;
    try {
      for (const { layer, input, output } of this.#watched) {
        for (const name of [input, output]) if (!this.#count(name, given)) return layer.name;
      }
      return undefined;
    } finally {
      for (const tensor of Object.values(given)) tensor.dispose();
    }
  }

  /** A map that several layers read is counted once for a batch. */
  #count(name: string, given: Record<string, Tensor>): boolean {
    const tensor = given[name];
    if (tensor === undefined) return true;
    const histogram = this.#seen.get(name) ?? new Histogram();
    this.#seen.set(name, histogram);
    const finite = scope(() => histogram.add(tensor.data() as Float32Array));
    tensor.dispose();
    delete given[name];
    return finite;
  }

  layers(observer: Observer, percentile: number): (QuantizedLayer & { fits: boolean })[] {
    const ranges = new Map<string, ValueRange>();
    for (const [name, seen] of this.#seen) ranges.set(name, rangeOf(seen, observer, percentile));
    return this.#watched.map(({ layer, input, output }) => ({
      ...layer,
      precision: 'int8',
      input: ranges.get(input) as ValueRange,
      output: ranges.get(output) as ValueRange,
    }));
  }

  dispose(): void {
    this.#model.dispose();
  }
}

/** Makes outputs of what the layers read and write. */
function watch(graph: Graph, watched: Watched[]): undefined {
  const names = new Map<Node, string>();
  const applied: Applied[] = [];
  const nameOf = (node: Node): string => {
    const name = names.get(node) ?? `value${names.size}`;
    names.set(node, name);
    return name;
  };
  for (const layer of layersOf(graph)) {
    const { op: kind, weight } = layer;
    const about = { name: moduleOf(layer), kind, weight: weight.shape, largestWeight: largestWeight(layer) };
    const ends = { input: nameOf(readBy(layer, applied)), output: nameOf(layer) };
    watched.push({ layer: { ...about, fits: hasInt8Kernel(layer) }, ...ends });
  }
  if (watched.length === 0) {
    throw new RangeError(
      'Expected a network with convolutions or linear layers for quantize, got none; compile it as it is',
    );
  }
  graph.outputs = [...names].map(([node, name]) => ({ name, node }));
}

type Applied = ApplyNode & { prologue: Prologue };

/** What a layer reads, after its norm and ReLU: these as a step of their own. */
function readBy(layer: Layer, applied: Applied[]): Node {
  const source = inputOf(layer);
  const prologue = layer.op === 'conv' ? layer.prologue : null;
  if (prologue === null) return source;
  const known = applied.find(
    (node) =>
      inputOf(node) === source &&
      node.prologue.norm === prologue.norm &&
      node.prologue.relu === prologue.relu,
  );
  if (known !== undefined) return known;
  const { site, order } = layer;
  const own = { site, order, shape: source.shape, prologue, relu: false };
  const node: Applied = { op: 'apply', ...own, inputs: [source], slots: ['input'] };
  applied.push(node);
  return node;
}
