import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load, save } from '../../../lib/checkpoint/index.ts';
import * as reid from '../../../lib/reid/index.ts';
import { lossOf, type ReidBatch } from '../../../lib/reid/training/losses.ts';
import { DEFAULTS, type ReidTrainConfig } from '../../../lib/reid/training/presets.ts';
import { beforeStepOf, optimizersOf, scheduleOf } from '../../../lib/reid/training/solver.ts';
import {
  arange,
  manualSeed,
  ops,
  randn,
  runtimeInfo,
  setNumThreads,
  type Tensor,
} from '../../../lib/tensor/index.ts';
import { Trainer } from '../../../lib/train/index.ts';
import { root, tmp } from '../../helpers/files.ts';
import { makeTree } from './tree.ts';

setNumThreads(1);
const tree = mkdtempSync(join(tmpdir(), 'ibn-reid-train-'));
let data: reid.ReidData;
beforeAll(async () => {
  data = await makeTree(tree);
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

/** Small enough for a test: a network of 18 layers, images of 48x24, four steps an epoch. */
const SMALL = {
  model: 'strong-baseline/resnet18',
  size: [48, 24],
  batchSize: 16,
  evalEvery: 5,
  lr: 1e-3,
  warmupIters: 1,
  ...{ flip: 0, padding: 2, erasing: 0, workers: 0, seed: 3 },
} satisfies reid.ReidTrainValues;

describe('reid.train', () => {
  it('raises the mAP of identities that it has not seen far above the untrained network', async () => {
    const output = tmp();
    const figures: unknown[] = [];
    const { best, loaded, trainingSet, finished } = await reid.train({
      ...SMALL,
      ...{ train: data, test: data, output, epochs: 5 },
      callbacks: { onEpoch: ({ val }) => figures.push(val) },
    });
    expect({ finished, classes: trainingSet.numClasses }).toEqual({ finished: true, classes: 16 });
    expect(figures.slice(0, 4)).toEqual([undefined, undefined, undefined, undefined]);
    expect(figures[4]).toMatchObject({ mAP: best });
    manualSeed(3);
    const untrained = new reid.StrongBaseline({ backbone: 'resnet18', numClasses: 16 }).eval();
    expect(await mAPOf(untrained)).toBeLessThan(25);
    expect(best).toBeGreaterThan(45);
    const reread = reid.load(join(output, 'weights_best.pth'), { size: [48, 24] });
    expect(String(reread)).toContain('resnet18 of reid-strong-baseline, 16 identities');
    expect(await mAPOf(reread.model)).toBeCloseTo(best as number, 9);
    // The published code copies the entries of a plain state dict.
    const plain = load(join(output, 'weights_last.pth')) as Map<string, Tensor>;
    expect([...plain.keys()]).toEqual([...loaded.model.stateDict().keys()]);
  });

  async function mAPOf(model: reid.ReIDModel): Promise<number> {
    const loaded = reid.load(weightsOf(model), { size: [48, 24] });
    const features = await reid.extract(
      loaded,
      [...data.query, ...data.gallery].map(({ path }) => path),
    );
    const { mAP } = reid.evaluateRanking({
      queryFeatures: features.narrow(0, 0, data.query.length),
      galleryFeatures: features.narrow(0, data.query.length, data.gallery.length),
      queryIds: data.query.map(({ id }) => id),
      galleryIds: data.gallery.map(({ id }) => id),
      queryCameras: data.query.map(({ camera }) => camera),
      galleryCameras: data.gallery.map(({ camera }) => camera),
      metric: 'cosine',
    });
    return 100 * mAP;
  }

  it.each(['strong-baseline', 'fast-reid'])(
    'goes on within an epoch with the same bytes: %s',
    async (kind) => {
      const common = kind === 'fast-reid' ? FAST : { ...SMALL, erasing: 0.5, padding: 4, flip: 0.5 };
      const test = kind === 'fast-reid' ? data : [];
      const settings = { ...common, train: data, test, epochs: 2, evalEvery: 2, ema: 0.9 };
      const [whole, parted] = [tmp(), tmp()];
      await reid.train({ ...settings, output: whole });
      const stop = new AbortController();
      const stopped = await reid.train({
        ...settings,
        output: parted,
        signal: stop.signal,
        callbacks: { onStep: ({ step }) => (step === 5 ? stop.abort() : undefined) },
      });
      expect(stopped).toMatchObject({ finished: false, step: 5 });
      manualSeed(99);
      expect(await reid.train({ ...settings, output: parted, resume: 'auto' })).toMatchObject({
        finished: true,
      });
      const files = (folder: string) =>
        readdirSync(folder).filter((name) => /best|last|checkpoint\.pth/.test(name));
      expect(files(parted)).toEqual(files(whole));
      expect(files(whole)).toContain('weights_last.pth');
      for (const name of files(whole))
        expect(readFileSync(join(parted, name)).equals(readFileSync(join(whole, name))), name).toBe(true);
    },
  );

  it("keeps the centers of a run, and fast-reid's frozen backbone as it was", async () => {
    const output = tmp();
    await reid.train({ ...SMALL, train: data, output, epochs: 1 });
    const saved = load(join(output, 'checkpoint.pth')) as { center_param: Map<string, Tensor> };
    expect(saved.center_param.get('centers')?.shape).toEqual([16, 512]);
    const begun = tmp();
    const { loaded } = await reid.train({
      ...FAST,
      train: data,
      output: begun,
      epochs: 2,
      delayEpochs: 0,
      freezeIters: 100,
    });
    manualSeed(3);
    const fresh = reid.sbs({ depth: '18x', withIbn: true, numClasses: 16 });
    const changed = [...fresh.stateDict()].filter(
      ([key, value]) => !ops.aten.equal(value, loaded.model.stateDict().get(key) as Tensor),
    );
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.filter(([key]) => key.startsWith('backbone.'))).toEqual([]);
  });

  it('says what is wrong with an option, a data set or a batch', async () => {
    const trained = (options: object) => reid.train({ train: data, ...options } as reid.ReidTrainOptions);
    await expect(trained({ tripletMargn: 1 })).rejects.toThrow('did you mean tripletMargin');
    await expect(trained({ preset: 'sbs', steps: [3] })).rejects.toThrow('Expected steps for scheduler');
    await expect(trained({ preset: 'best' })).rejects.toThrow(
      'Expected strong-baseline, bagtricks, agw or sbs for preset, got "best"',
    );
    await expect(trained({ train: { query: [] } })).rejects.toThrow(
      'Expected what reid.loadData gives for reid.train train, got an object',
    );
    await expect(trained({ train: [] })).rejects.toThrow('Expected at least one data set');
    await expect(trained({ size: [3] })).rejects.toThrow(
      'Expected height and width for reid.train size, got 3',
    );
    await expect(trained({ preset: 'bagtricks', batchSize: 128, numInstances: 4 })).rejects.toThrow(
      'Expected at least one batch of images to train on, got 96 images for batches of 128',
    );
    await expect(trained({ ...SMALL, model: 'fast-reid/mgn' })).rejects.toThrow('which has eight');
    await expect(trained({ ...SMALL, freezeLayers: ['backbone'] })).rejects.toThrow(
      'Expected parts of the network for freezeLayers, got "backbone"; known: base, gap, bottleneck, classifier',
    );
  });
});

const weightsOf = (model: reid.ReIDModel): Uint8Array => {
  const path = join(tmp(), 'weights.pth');
  save(model.stateDict(), path);
  return readFileSync(path);
};

const FAST = {
  ...SMALL,
  preset: 'sbs',
  model: 'fast-reid/sbs',
  modelOptions: { depth: '18x', withIbn: true },
  ...{ numInstances: 4, warmupIters: 2, delayEpochs: 1, freezeIters: 3 },
} as const;

describe("reid.train's parts", () => {
  interface Training {
    losses_default: number[];
    rates: number[];
  }
  const bytes = gunzipSync(readFileSync(join(root, 'test/fixtures/reid/losses.json.gz')));
  const PYTHON = JSON.parse(bytes.toString()) as { training: Record<string, Training> };

  it.each(['resnet18', 'resnet50_ibn_a'])(
    "have the losses and rates of Python's training: %s",
    async (backbone) => {
      const config = { ...DEFAULTS, model: `strong-baseline/${backbone}` } as ReidTrainConfig;
      manualSeed(0);
      const model = new reid.StrongBaseline({
        backbone: backbone as reid.StrongBaselineBackbone,
        numClasses: 7,
      });
      const centers = new reid.CenterLoss(7, model.featDim);
      const { optimizer, scheduled } = optimizersOf(model, centers, config);
      const losses: number[] = [];
      const rates: number[] = [];
      manualSeed(3);
      await new Trainer<ReidBatch>({
        ...{ model, optimizer, epochs: 3, parts: { center_param: centers } },
        ...scheduleOf(scheduled, config, 1),
        data: {
          *[Symbol.iterator]() {
            yield [randn([8, 3, 64, 32]), arange(4).repeatInterleave(2)] as ReidBatch;
          },
        },
        loss: lossOf(config, 7, centers),
        beforeStep: beforeStepOf(centers, config),
        callbacks: {
          onStep: ({ values, lr }) => {
            losses.push(values.loss as number);
            rates.push(lr);
          },
        },
      }).fit();
      const wanted = PYTHON.training[backbone] as Training;
      const far = (found: number[], want: number[]) =>
        Math.max(...want.map((value, i) => Math.abs((found[i] as number) / value - 1)));
      expect(far(rates, wanted.rates)).toBeLessThan(1e-8);
      expect(far(losses.slice(0, 1), wanted.losses_default.slice(0, 1))).toBeLessThan(1e-5);
      // Other kernels have other last bits, and Adam's first steps take the sign of gradients that are all rounding.
      if (runtimeInfo().cpuCapability !== 'DEFAULT')
        expect(far(losses, wanted.losses_default)).toBeLessThan(1e-5);
    },
  );
});
