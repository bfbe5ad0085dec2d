import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ClassifyOptions, classify } from '../../lib/cli/classify/classify.ts';
import { Classifier } from '../../lib/cli/network/classifier.ts';
import { decodeImage, inferenceMode, manualSeed, models, save, stack } from '../../lib/index.ts';
import { fixture } from '../data/helpers.ts';
import { tmp } from '../helpers/index.ts';
import { emptyCache } from '../hub/published.ts';
import { serve, startServer } from '../libtorch/bad-server.ts';

const SMALL = { numClasses: 4, widths: [8, 8, 8, 8], stem: 'small' } as const;
const photos = ['422', 'cmyk', 'exif-rotated'].map((name) => fixture(`images/modes/${name}.jpg`));

async function run(paths: string[], options: Partial<ClassifyOptions>) {
  const out = { stdout: '', stderr: '' };
  const code = await classify(
    paths,
    { top: 2, device: 'cpu', batchSize: 2, json: true, ...options },
    {
      stdin: [] as never,
      stdout: { write: (text) => (out.stdout += text) },
      stderr: { write: (text) => (out.stderr += text) },
    },
  );
  return { code, ...out };
}

function saved(model: models.ImageModel, extra: object = {}): string {
  const path = join(tmp(), 'weights.pth');
  save({ state_dict: model.stateDict(), ...extra }, path);
  return path;
}

function smallFile(): { file: string; model: models.ImageModel } {
  manualSeed(0);
  const model = models.resnet18_ibn_a(SMALL);
  const args = { options: SMALL, input: { resize: 40, crop: 32 } };
  return { file: saved(model, { arch: 'resnet18_ibn_a', args }), model };
}

const top = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).predictions[0] as { index: number; probability: number });

describe('classify on the CPU', () => {
  it('compiles the network, and answers as the network itself', async () => {
    const { file, model } = smallFile();
    const classifier = await Classifier.load({ checkpoint: file });
    expect(classifier.runner).toMatchObject({ kind: 'compiled' });
    const images = await Promise.all(photos.map(async (path) => classifier.prepare(await decodeImage(path))));
    model.eval();
    const expected = inferenceMode(() => model.forward(stack(images)).softmax(1).toArray()) as number[][];
    for (const [i, guesses] of (await classifier.predict(images, 4)).entries()) {
      for (const { index, probability } of guesses)
        expect(probability).toBeCloseTo(expected[i]?.[index] as number, 5);
    }
  });

  it('says so where the network cannot be compiled, and answers all the same', async () => {
    const { file } = smallFile();
    const compiled = await run(photos, { checkpoint: file });
    const half = await run(photos, { checkpoint: file, dtype: 'float16' });
    expect([compiled.code, compiled.stderr]).toEqual([0, '']);
    expect([half.code, half.stderr]).toMatchInlineSnapshot(`
      [
        0,
        "The network runs uncompiled: Expected "float32" or "bfloat16" for compile dtype, got "float16"; there are no kernels for it on the CPU: bfloat16 takes as little memory
      ",
      ]
    `);
    expect(top(half.stdout).map(({ index }) => index)).toEqual(
      top(compiled.stdout).map(({ index }) => index),
    );
  });

  it('leaves the number of threads as it was', async () => {
    const { getNumThreads, setNumThreads } = await import('../../lib/index.ts');
    const before = getNumThreads();
    setNumThreads(2);
    onTestFinished(() => setNumThreads(before));
    await run(photos, { checkpoint: smallFile().file });
    expect(getNumThreads()).toBe(2);
  });
});

describe('classify with a file of another network', () => {
  it('names the network in few lines, by flags that work', async () => {
    const small = saved(models.resnet18({ stem: 'small', numClasses: 10 }) as models.ImageModel);
    const error = await run(photos, { checkpoint: small, model: 'resnet50' }).catch((e: Error) => e.message);
    expect(String(error).split('\n').length).toBeLessThan(12);
    expect(String(error)).toContain(
      'The file looks like a ResNet-18 with a 3x3 stem and 10 classes: pass --model resnet18',
    );
    const other = await run(photos, { checkpoint: small, model: 'densenet121' }).catch(
      (e: Error) => e.message,
    );
    expect(String(other)).toContain('pass --model resnet18');
    expect((await run(photos, { checkpoint: small, model: 'resnet18', crop: 32 })).code).toBe(0);
  });

  it('refuses a file for other images that does not say how they are prepared', async () => {
    const gray = saved(models.resnet18({ inChannels: 1, numClasses: 3 }) as models.ImageModel);
    await expect(run(photos, { checkpoint: gray, model: 'resnet18' })).rejects.toThrow(
      `Expected a network for images of 3 channels in ${gray}, got one for 1 and nothing on how they are prepared; `,
    );
  });
});

describe('classify without a checkpoint', () => {
  /** Publishes a file on a server of this machine. */
  async function publish(model: string): Promise<{ seen: unknown[]; path: string }> {
    manualSeed(0);
    const path = saved(models.getModel(model) as models.ImageModel);
    const content = readFileSync(path);
    const sha256Prefix = createHash('sha256').update(content).digest('hex').slice(0, 8);
    const release = models.publishedWeights as Record<string, models.PublishedWeights>;
    const before = release[model] as models.PublishedWeights;
    const file = `${model}-${sha256Prefix}.pth`;
    release[model] = { ...before, file, sha256Prefix };
    const server = await startServer();
    server.handlers.set(`/${file}`, serve(content));
    vi.stubEnv('IBN_NET_CHECKPOINT_BASE_URL', server.url);
    emptyCache();
    onTestFinished(async () => {
      release[model] = before;
      vi.unstubAllEnvs();
      await server.close();
    });
    return { seen: server.seen, path };
  }

  it('fetches the published weights of the model once', async () => {
    const { seen, path } = await publish('resnet18_ibn_b');
    const first = await run(photos, { model: 'resnet18_ibn_b' });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(await run(photos, { model: 'resnet18_ibn_b' })).toEqual(first);
    expect(await run(photos, { model: 'resnet18_ibn_b', checkpoint: path })).toEqual(first);
    expect(seen).toHaveLength(1);
  });

  it('takes resnet50_ibn_a where no model is named', async () => {
    const { seen } = await publish('resnet50_ibn_a');
    expect((await run(photos.slice(0, 1), {})).code).toBe(0);
    expect(seen).toHaveLength(1);
  });

  it('says how to go on where they cannot be fetched', async () => {
    const { seen } = await publish('resnet18_ibn_b');
    vi.stubEnv('IBN_NET_OFFLINE', '1');
    await expect(run(photos, { model: 'resnet18_ibn_b' })).rejects.toThrow(
      /^Expected .* for offline use, got no such file\nPossible solutions:\n- Put it there yourself, from .*\n- Allow downloads: unset IBN_NET_OFFLINE\n- Give weights of your own: --checkpoint FILE$/,
    );
    expect(seen).toEqual([]);
  });

  it('names the models with weights where this one has none', async () => {
    await expect(run(photos, { model: 'resnet50' })).rejects.toThrow(
      /^Expected --checkpoint beside --model resnet50, got none; weights were published for resnet18_ibn_a, /,
    );
  });
});
