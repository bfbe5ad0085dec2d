import { basename } from 'node:path';
import { type CompiledModel, CompileError, compile } from '../../compile/index.ts';
import { isRedrawable, StatusLine, type StatusStream } from '../../net/status-line.ts';
import { extract, type LoadedReID, load, type ReIDLayout, type ReIDModel } from '../../reid/index.ts';
import type { Tensor } from '../../tensor/index.ts';

/** How a Re-ID network is loaded and run, as commander gives it. */
export interface ReidNetworkOptions {
  checkpoint: string[];
  layout?: ReIDLayout;
  device: string;
  flip?: boolean;
}

/** The same for many images. */
export interface BatchedNetworkOptions extends ReidNetworkOptions {
  batchSize: number;
}

/** Where commands write; the process's own streams by default. */
export interface ReidStreams {
  stdout: { write(text: string): unknown };
  stderr: StatusStream;
}

/** A network of the command line: compiled on the CPU, where that is possible. */
export class ReidNetwork {
  readonly name: string;
  readonly loaded: LoadedReID;
  readonly #options: BatchedNetworkOptions;
  readonly #compiled: CompiledModel<unknown> | undefined;

  private constructor(
    name: string,
    loaded: LoadedReID,
    options: BatchedNetworkOptions,
    compiled: CompiledModel<unknown> | undefined,
  ) {
    this.name = name;
    this.loaded = loaded;
    this.#options = options;
    this.#compiled = compiled;
  }

  static async load(
    checkpoint: string,
    options: BatchedNetworkOptions,
    stderr: StatusStream,
  ): Promise<ReidNetwork> {
    const { layout, device } = options;
    const loaded = load(checkpoint, { device, ...(layout === undefined ? {} : { layout }) });
    const compiled = device === 'cpu' ? await compiledOr(loaded, stderr) : undefined;
    return new ReidNetwork(basename(checkpoint), loaded, options, compiled);
  }

  dispose(): void {
    this.#compiled?.dispose();
  }

  /** Features (N, D) of images, with a line on a terminal that says how far it is. */
  async extract(paths: readonly string[], stderr: StatusStream, normalize = true): Promise<Tensor> {
    const { flip = false, batchSize } = this.#options;
    const line = isRedrawable(stderr) && paths.length > batchSize ? new StatusLine(stderr) : undefined;
    try {
      const compiled = this.#compiled === undefined ? {} : { compiled: this.#compiled };
      return await extract(this.loaded, counted(paths, line), { flip, batchSize, normalize, ...compiled });
    } finally {
      line?.clear();
    }
  }
}

async function compiledOr(
  { model, size }: LoadedReID,
  stderr: StatusStream,
): Promise<CompiledModel<unknown> | undefined> {
  try {
    return await compile(model as ReIDModel & { forward(x: Tensor): Tensor }, { inputs: [[1, 3, ...size]] });
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    stderr.write(`The network runs uncompiled: ${error.message}\n`);
    return undefined;
  }
}

function* counted(paths: readonly string[], line: StatusLine | undefined): Generator<string> {
  for (const [done, path] of paths.entries()) {
    if (done % 16 === 0) line?.draw({ share: done / paths.length, count: `${done}/${paths.length} images` });
    yield path;
  }
}

/** The only checkpoint, where a command takes one. */
export function singleCheckpoint(command: string, { checkpoint }: ReidNetworkOptions): string {
  const [first, ...more] = checkpoint;
  if (first !== undefined && more.length === 0) return first;
  throw new RangeError(`Expected one --checkpoint for reid ${command}, got ${checkpoint.length}`);
}
