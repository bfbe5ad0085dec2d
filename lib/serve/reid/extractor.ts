import type { Tensor } from '../../tensor/index.ts';
import type { ReceivedImage } from '../jobs/preparer.ts';
import { runImage } from '../jobs/run-model.ts';
import type { Task } from '../jobs/task.ts';
import type { ServiceContext } from '../service-routes.ts';
import { probeInput } from './probe.ts';
import type { ServedReID } from './served-reid.ts';

/** Features of length 1. */
export class Extractor {
  readonly served: ServedReID;
  readonly since = new Date();
  readonly #flip: boolean;
  #probe: Float32Array | undefined;

  constructor(served: ServedReID, flip: boolean) {
    this.served = served;
    this.#flip = flip;
  }

  /** Its feature of the test image. */
  async probe(): Promise<Float32Array> {
    if (this.#probe !== undefined) return this.#probe;
    const x = probeInput(this.served.transform);
    try {
      this.#probe = await this.#featureOf(x, async (input) => {
        const output = await this.served.model.run(input);
        const values = Float32Array.from(output.data() as Float32Array);
        output.dispose();
        return values;
      });
    } finally {
      x.dispose();
    }
    return this.#probe;
  }

  extract(image: ReceivedImage, task: Task, { preparer }: ServiceContext): Promise<Float32Array> {
    const { model, transform } = this.served;
    return runImage({ model, transform, preparer, task }, image, (x, run) => this.#featureOf(x, run));
  }

  async close(): Promise<void> {
    await this.served.model.close?.();
  }

  /** As fast-reid's flip test: the mean of the image's and its mirror image's. */
  async #featureOf(x: Tensor, run: (x: Tensor) => Promise<Float32Array>): Promise<Float32Array> {
    if (!this.#flip) return normalised(await run(x));
    const mirrored = x.flip([3]);
    try {
      const [plain, other] = (await Promise.all([run(x), run(mirrored)])) as [Float32Array, Float32Array];
      return normalised(plain.map((value, i) => (value + (other[i] as number)) / 2));
    } finally {
      mirrored.dispose();
    }
  }
}

function normalised(feature: Float32Array): Float32Array {
  let square = 0;
  for (const value of feature) square += value * value;
  const length = Math.max(Math.sqrt(square), 1e-12);
  return feature.map((value) => value / length);
}
