import { isTensor, scope, type Tensor } from '../../tensor/index.ts';
import { CompiledModel } from '../compiled-model.ts';
import { buildRecorded } from '../cpu/lower.ts';
import { quantizeGraph } from '../cpu/quantize-graph.ts';
import type { Recording } from '../cpu/recording.ts';
import type { Quantization } from '../quantization.ts';

type Given = Tensor | Tensor[] | Record<string, Tensor>;

const tensorsOf = (given: Given): Tensor[] =>
  Array.isArray(given) ? given : isTensor(given) ? [given] : Object.values(given);

/** What a network gives for some images, and how far its quantised forms are from that. */
export class Loss {
  readonly #recording: Recording;
  readonly #images: Tensor;
  readonly #threads: { threads?: number };
  #wanted: Tensor[] = [];

  private constructor(recording: Recording, images: Tensor, threads: number | undefined) {
    this.#recording = recording;
    this.#images = images;
    this.#threads = threads === undefined ? {} : { threads };
  }

  static async start(recording: Recording, images: Tensor, threads: number | undefined): Promise<Loss> {
    const loss = new Loss(recording, images, threads);
    loss.#wanted = await loss.#outputs(undefined);
    return loss;
  }

  /** The norm of the difference over that of the outputs, the largest of all outputs. */
  async of(quantization: Quantization): Promise<number> {
    const got = await this.#outputs(quantization);
    const errors = got.map((tensor, i) => scope(() => relativeError(tensor, this.#wanted[i] as Tensor)));
    for (const tensor of got) tensor.dispose();
    return Math.max(...errors);
  }

  async #outputs(quantization: Quantization | undefined): Promise<Tensor[]> {
    const inputs = [this.#images.shape];
    const finish =
      quantization && ((graph: Parameters<typeof quantizeGraph>[0]) => quantizeGraph(graph, quantization));
    const plan = await buildRecorded(this.#recording, { inputs }, finish);
    const fast = await CompiledModel.fromPlan<Given>(plan, { ...this.#threads, keepWeights: false });
    try {
      return tensorsOf(await fast.run(this.#images));
    } finally {
      fast.dispose();
    }
  }

  dispose(): void {
    for (const tensor of this.#wanted) tensor.dispose();
  }
}

function relativeError(got: Tensor, want: Tensor): number {
  const [a, b] = [got.to('float64'), want.to('float64')];
  const size = b.square().sum().sqrt().item() as number;
  const error = a.sub(b).square().sum().sqrt().item() as number;
  return size === 0 ? error : error / size;
}
