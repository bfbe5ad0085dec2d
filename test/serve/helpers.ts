import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { transforms } from '../../lib/data/index.ts';
import * as serve from '../../lib/serve/index.ts';
import { fromBuffer, type Tensor } from '../../lib/tensor/index.ts';
import { root } from '../helpers/index.ts';

/** A PNG of 28x28. */
export const SHIRT = readFileSync(join(root, 'assets/images/4-shirt.png'));
/** A JPEG of 64x48. */
export const JPEG = readFileSync(join(root, 'test/fixtures/images/modes/422.jpg'));
export const PNG_TYPE = { 'content-type': 'image/png' };

/** A network that answers when it is told to, by the mean of each image. */
export class FakeModel implements serve.ServedModel {
  calls = 0;
  isClosed = false;
  #waiting: (() => void)[] = [];
  #isHeld = false;

  hold(): void {
    this.#isHeld = true;
  }

  letGo(): void {
    this.#isHeld = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  async run(x: Tensor, options: { signal?: AbortSignal | undefined } = {}): Promise<Tensor> {
    if (this.isClosed) throw new Error('closed');
    this.calls++;
    const mean = x.mean().item() as number;
    if (this.#isHeld) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve);
        options.signal?.addEventListener('abort', () => reject(options.signal?.reason));
      });
    }
    return fromBuffer(Float32Array.of(0, mean, -mean), { shape: [1, 3] });
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

export const small = new transforms.Compose([new transforms.Resize([8, 8]), new transforms.ToTensor()]);

/** A server of a fake network, and where it listens. */
export async function serveFake(options: serve.ServeOptions = {}) {
  const models: FakeModel[] = [];
  const load = (): serve.ServedClassifier => {
    const model = new FakeModel();
    models.push(model);
    return { name: `fake ${models.length}`, model, transform: small, classes: ['none', 'light', 'dark'] };
  };
  const service = await serve.classification({ load, top: 1 });
  const errors: Error[] = [];
  const server = await serve.createServer(service, { onError: (error) => errors.push(error), ...options });
  const url = await server.listen({ port: 0 });
  onTestFinished(() => server.close({ drainMs: 0 }));
  return { server, service, models, errors, url };
}

/** Status, and what the answer says. */
export async function post(
  url: string,
  body: RequestInit['body'] | Buffer,
  headers: Record<string, string> = PNG_TYPE,
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const response = await fetch(url, { method: 'POST', body: body as RequestInit['body'] as never, headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as never };
}

export const refusal = ({ status, body }: { status: number; body: Record<string, unknown> }): string =>
  `${status} ${body.code}: ${body.message}`;

export const json = { 'content-type': 'application/json' };

/** For `expect.poll`: what is waited for comes at some time on any machine. */
export const PATIENT = { timeout: 120_000 };
