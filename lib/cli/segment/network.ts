import { basename } from 'node:path';
import { type CompiledModel, CompileError, compile } from '../../compile/index.ts';
import type { StatusStream } from '../../net/status-line.ts';
import { Module } from '../../nn/index.ts';
import * as segment from '../../segment/index.ts';
import type { Tensor } from '../../tensor/index.ts';

/** How a network is loaded and run, as commander gives it. */
export interface SegmentNetworkOptions {
  device: string;
  scales?: number[];
  flip?: boolean;
  window?: number[];
  stride?: number[];
  outputStride?: number;
}

/** Sizes of images that are compiled for; more are left to libtorch, since each takes seconds and memory. */
const MOST_SIZES = 4;

/** The class of each pixel, which takes a fraction of the memory of scores. */
class Labelled extends Module {
  model: segment.Segmenter;

  constructor(model: segment.Segmenter) {
    super();
    this.model = model;
    this.training = model.training;
  }

  forward(x: Tensor): Tensor {
    return (this.model.forward(x) as Tensor).argmax(1);
  }
}

/** A network of the command line: compiled for each size of images on the CPU, where that is possible. */
export class SegmentNetwork {
  readonly name: string;
  readonly loaded: segment.LoadedSegmenter;
  readonly #options: segment.PredictOptions;
  readonly #isPlain: boolean;
  readonly #isCompiled: boolean;
  readonly #stderr: StatusStream;
  readonly #compiled = new Map<string, CompiledModel<unknown> | undefined>();

  private constructor(
    name: string,
    loaded: segment.LoadedSegmenter,
    options: SegmentNetworkOptions,
    stderr: StatusStream,
  ) {
    this.name = name;
    this.loaded = loaded;
    this.#options = predictOptions(options);
    this.#isPlain = Object.keys(this.#options).length === 0;
    this.#isCompiled = options.device === 'cpu';
    this.#stderr = stderr;
  }

  static load(checkpoint: string, options: SegmentNetworkOptions, stderr: StatusStream): SegmentNetwork {
    const { device, outputStride } = options;
    const given = outputStride === undefined ? {} : { options: { outputStride } };
    const loaded = segment.load(checkpoint, { device: device as 'cpu', ...given });
    return new SegmentNetwork(basename(checkpoint), loaded, options, stderr);
  }

  /** Classes (N, H, W) of prepared images (N, 3, H, W). */
  async labels(images: Tensor): Promise<Tensor> {
    if (!this.#isCompiled) return await segment.predict(this.loaded.model, images, this.#options);
    if (!this.#isPlain) return await segment.predict({ run: (x) => this.#scores(x) }, images, this.#options);
    const fast = await this.#compiledFor(images, new Labelled(this.loaded.model));
    return fast === undefined
      ? await segment.predict(this.loaded.model, images)
      : ((await fast.run(images)) as Tensor);
  }

  dispose(): void {
    for (const fast of this.#compiled.values()) fast?.dispose();
    this.loaded.model.dispose();
  }

  async #scores(images: Tensor): Promise<Tensor> {
    const { model } = this.loaded;
    const fast = await this.#compiledFor(images, model as Module & { forward(x: Tensor): Tensor });
    if (fast !== undefined) return (await fast.run(images)) as Tensor;
    const { inferenceMode, scope } = await import('../../tensor/index.ts');
    return inferenceMode(() => scope(() => model.forward(images) as Tensor));
  }

  async #compiledFor(
    images: Tensor,
    model: Module & { forward(x: Tensor): Tensor },
  ): Promise<CompiledModel<unknown> | undefined> {
    const [, channels, height, width] = images.shape as [number, number, number, number];
    const size = `${height}x${width}`;
    if (!this.#compiled.has(size))
      this.#compiled.set(size, await this.#compile(model, [1, channels, height, width]));
    return this.#compiled.get(size);
  }

  async #compile(
    model: Module & { forward(x: Tensor): Tensor },
    shape: number[],
  ): Promise<CompiledModel<unknown> | undefined> {
    if (this.#compiled.size >= MOST_SIZES) return undefined;
    try {
      return await compile(model, { inputs: [shape] });
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      this.#stderr.write(`The network runs uncompiled: ${error.message}\n`);
      return undefined;
    }
  }
}

function predictOptions({ scales, flip, window, stride }: SegmentNetworkOptions): segment.PredictOptions {
  return {
    ...(scales === undefined ? {} : { scales }),
    ...(flip ? { flip } : {}),
    ...(window === undefined ? {} : { window: pair('--window', window) }),
    ...(stride === undefined ? {} : { stride: pair('--stride', stride) }),
  };
}

function pair(flag: string, values: readonly number[]): segment.WindowSize {
  const [height, width = height, ...more] = values;
  if (height !== undefined && width !== undefined && more.length === 0) return [height, width];
  throw new RangeError(`Expected height and width, or one number, for ${flag}, got ${values.join(' ')}`);
}
