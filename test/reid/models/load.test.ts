import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { save } from '../../../lib/checkpoint/index.ts';
import * as models from '../../../lib/models/index.ts';
import type { Module } from '../../../lib/nn/index.ts';
import * as reid from '../../../lib/reid/index.ts';
import { manualSeed, noGrad, rand, type Tensor, tensor, zeros } from '../../../lib/tensor/index.ts';
import { elements, relativeError } from '../../nn/numbers.ts';
import { disturb, type Figures, noise, published } from './figures.ts';

const folder = mkdtempSync(join(tmpdir(), 'reid-'));
afterAll(() => rmSync(folder, { recursive: true }));

const path = (name: string) => join(folder, name);

/** The network with the weights behind the published figures. */
function weighted(build: () => Module): Module {
  manualSeed(0);
  const model = build();
  disturb(model);
  return model;
}

/** Writes a state dict with other keys. */
function write(
  name: string,
  model: Module,
  rename = (key: string) => key,
  wrap: (state: unknown) => unknown = (s) => s,
) {
  const state = new Map([...model.stateDict()].map(([key, value]) => [rename(key), value] as const));
  save(wrap(state), path(name));
  return path(name);
}

async function expectFeatures(loaded: reid.LoadedReID, images: Tensor, want: Figures): Promise<void> {
  const first = ({ first16 }: Figures['features']) => first16.flat();
  const plain = await reid.extract(loaded, images);
  expect(plain.shape).toEqual(want.features.shape);
  expect(relativeError(elements(plain.slice(1, 0, 16)), first(want.features))).toBeLessThan(1e-5);
  const flipped = await reid.extract(loaded, images, { flip: true, batchSize: 1 });
  expect(relativeError(elements(flipped.slice(1, 0, 16)), first(want.flipped))).toBeLessThan(1e-5);
}

describe('reid.load', () => {
  it('reads reid-strong-baseline files, and extract gives the features of Python', async () => {
    const model = weighted(() => new reid.StrongBaseline({ backbone: 'resnet18' }));
    const loaded = reid.load(write('strong.pth', model));
    expect(String(loaded)).toBe(
      "resnet18 of reid-strong-baseline, 751 identities, images 256x128 normalised before the network; assumed: lastStride 1, neckFeat 'after'",
    );
    const images = noise().clamp(-2, 2.5);
    const want = noGrad(() => model.eval().forward(images)) as Tensor;
    expect(relativeError(elements(await reid.extract(loaded, images)), elements(want))).toBeLessThan(1e-6);
  });

  it('reads fast-reid files, whose networks normalise', async () => {
    const model = weighted(() => reid.bagtricks({ depth: '18x', poolLayer: 'GeneralizedMeanPoolingP' }));
    const wrap = (state: unknown) => ({ model: state, iteration: 3 });
    const loaded = reid.load(write('fast.pth', model, (key) => `module.${key}`, wrap));
    expect(loaded.layout).toBe('fast-reid');
    expect(loaded.options.poolLayer).toBe('GeneralizedMeanPoolingP');
    expect(loaded.prefix).toBe('module.');
    await expectFeatures(
      loaded,
      noise(255),
      published('fast-reid')['18x GeneralizedMeanPoolingP'] as Figures,
    );
  });

  it('reads fast-reid files of before: heads.bnneck, a classifier, other pixels, max-pooling with padding', () => {
    const model = weighted(() => reid.bagtricks({ depth: '18x', numClasses: 5 }));
    const rename = (key: string) =>
      key.replace('heads.weight', 'heads.classifier.weight').replace('heads.bottleneck.0', 'heads.bnneck');
    const pixels = { pixel_mean: zeros([1, 3, 1, 1]), pixel_std: zeros([1, 3, 1, 1]).add(2) };
    const wrap = (state: unknown) => new Map([...(state as Map<string, Tensor>), ...Object.entries(pixels)]);
    const loaded = reid.load(write('old.pth', model, rename, wrap));
    expect(loaded.options).toMatchObject({
      maxPool: 'padded',
      pixelMean: [0, 0, 0],
      pixelStd: [2, 2, 2],
      numClasses: 5,
    });
    expect(loaded.assumed).toEqual(['lastStride 1', "poolLayer 'GlobalAvgPool'"]);
  });

  it('reads OSNet files with counters of shape [1]', async () => {
    const model = weighted(() => reid.osnet_x0_25({ numClasses: 751 }));
    const counters = (state: unknown) =>
      new Map(
        [...(state as Map<string, Tensor>)].map(([key, value]) =>
          key.endsWith('num_batches_tracked') ? [key, value.reshape([1])] : [key, value],
        ),
      );
    const wrap = (state: unknown) => ({ state_dict: counters(state), epoch: 60, rank1: 0.9 });
    const loaded = reid.load(write('osnet.pth.tar', model, (key) => `module.${key}`, wrap));
    expect(loaded.name).toBe('osnet_x0_25');
    const images = noise().clamp(-2, 2.5);
    const want = noGrad(() => model.eval().forward(images)) as Tensor;
    expect(relativeError(elements(await reid.extract(loaded, images)), elements(want))).toBeLessThan(1e-6);
  });

  it.each([
    ['osnet_ain_x0_25', reid.osnet_ain_x0_25],
    ['osnet_ibn_x1_0', reid.osnet_ibn_x1_0],
  ])('finds %s by its keys', (name, build) => {
    expect(reid.load(write(`${name}.pth`, build({ numClasses: 3 }))).name).toBe(name);
  });

  it.each(['se_resnet50', 'se_resnext50', 'resnet50_ibn_a', 'resnet50_ibn_b'] as const)(
    'finds %s by its keys',
    (backbone) => {
      const loaded = reid.load(
        write(`${backbone}.pth`, new reid.StrongBaseline({ backbone, numClasses: 3 })),
      );
      expect(loaded.name).toBe(backbone);
    },
  );

  it.each([
    ['SBS 50x ibn', () => reid.sbs({ withIbn: true, numClasses: 3 })],
    ['AGW 50x', () => reid.agw({ numClasses: 3 })],
    ['MGN 50x ibn', () => reid.mgn({ withIbn: true, numClasses: 3 })],
    ['bagtricks resnext 50x', () => reid.bagtricks({ backbone: 'resnext', numClasses: 3 })],
    ['bagtricks osnet x0_25 ibn', () => reid.bagtricks({ backbone: 'osnet', depth: 'x0_25', withIbn: true })],
    ['bagtricks 34x se', () => reid.bagtricks({ depth: '34x', withSe: true, numClasses: 3 })],
  ])('finds %s by its keys', (name, build) => {
    expect(reid.load(write('found.pth', build())).name).toBe(name);
  });

  it('makes a new classifier for other identities, and leaves all else as in the file', () => {
    const model = weighted(() => reid.osnet_x0_25({ numClasses: 7 }));
    const { model: other } = reid.load(write('head.pth', model), { options: { numClasses: 9 } });
    const state = other.stateDict();
    expect(state.get('classifier.weight')?.shape).toEqual([9, 512]);
    expect(state.get('classifier.weight')?.abs().max().item()).toBeLessThan(0.01);
    expect(elements(state.get('fc.0.weight') as Tensor)).toEqual(
      elements(model.stateDict().get('fc.0.weight') as Tensor),
    );
  });

  it('refuses half a network, wrong shapes and keys that it has no use for', () => {
    const model = reid.osnet_x0_25({ numClasses: 7 });
    const state = model.stateDict();
    const without = new Map([...state].filter(([key]) => key !== 'conv3.0.conv1.bn.bias'));
    save(without, path('half.pth'));
    expect(() => reid.load(path('half.pth'))).toThrow(
      /half\.pth: Expected all weights of the network, got none for "conv3\.0\.conv1\.bn\.bias" of \d+/,
    );
    save(new Map([...state, ['conv5.bn.bias', zeros([3])]]), path('shape.pth'));
    expect(() => reid.load(path('shape.pth'))).toThrow('Expected shape [128] for "conv5.bn.bias", got [3]');
    save(new Map([...state, ['extra.weight', zeros([3])]]), path('extra.pth'));
    expect(() => reid.load(path('extra.pth'))).toThrow('got "extra.weight"; pass { strict: false }');
    expect(reid.load(path('extra.pth'), { strict: false }).unusedKeys).toEqual(['extra.weight']);
  });

  it('says what another file looks like', () => {
    const refused =
      (state: ReadonlyMap<string, Tensor>, options = {}) =>
      () => {
        save(state, path('other.pth'));
        reid.load(path('other.pth'), options);
      };
    expect(refused(models.resnet18_ibn_a().stateDict())).toThrow(
      'it looks like the classification network resnet18_ibn_a (IBN-Net); load it with',
    );
    expect(refused(reid.osnet_x0_25().stateDict(), { layout: 'fast-reid' })).toThrow(
      'Expected a network of fast-reid, got another; it looks like osnet_x0_25 of torchreid; leave layout out',
    );
    expect(refused(new Map([['backbone.conv1.0.weight', zeros([1])]]))).toThrow('fast-reid with a ResNeSt');
    expect(refused(new Map([['a.b', zeros([1])]]))).toThrow('its keys are a.b');
    expect(() => reid.load(path('other.pth'), { layout: 'torch-reid' as never })).toThrow(
      'did you mean torchreid?',
    );
    expect(() => reid.load(path('other.pth'), { size: [256] as never })).toThrow(TypeError);
  });
});

describe('reid.extract', () => {
  const file = () => write('extract.pth', reid.bagtricks({ depth: '18x', numClasses: 2 }));
  const strong = () =>
    write('extract2.pth', new reid.StrongBaseline({ backbone: 'resnet18', numClasses: 2 }));

  it('refuses images that are normalised already for a network that normalises', async () => {
    const loaded = reid.load(file(), { size: [64, 32] });
    await expect(reid.extract(loaded, noise())).rejects.toThrow('Expected pixels from 0 to 255');
    await expect(reid.extract(loaded, rand([1, 3, 64, 32]))).rejects.toThrow('Expected pixels from 0 to 255');
  });

  it('refuses pixels for a network that does not', async () => {
    await expect(reid.extract(reid.load(strong()), noise(255))).rejects.toThrow('Expected images normalised');
  });

  it('gives the same for uint8 batches, single images and prepared floats', async () => {
    for (const loaded of [reid.load(file(), { size: [64, 32] }), reid.load(strong(), { size: [64, 32] })]) {
      const pixels = noise(255).to('uint8');
      const batch = await reid.extract(loaded, pixels);
      const singles = await reid.extract(loaded, [pixels.select(0, 0), pixels.select(0, 1)], {
        batchSize: 1,
      });
      const prepared = await reid.extract(loaded, loaded.transform.forward(pixels));
      expect(relativeError(elements(singles), elements(batch))).toBeLessThan(1e-5);
      expect(relativeError(elements(prepared), elements(batch))).toBeLessThan(1e-6);
      const unit = await reid.extract(loaded, pixels, { normalize: true });
      expect(elements(unit.norm(2, [1]))[0]).toBeCloseTo(1, 5);
    }
  });

  it('refuses what is no image, no network, and a network in training', async () => {
    const loaded = reid.load(strong());
    await expect(reid.extract(loaded, [])).rejects.toThrow('Expected at least one image');
    await expect(reid.extract(loaded, [tensor([1, 2])])).rejects.toThrow('Expected uint8 images (3, H, W)');
    await expect(reid.extract(loaded, zeros([3, 64, 32]))).rejects.toThrow('Expected images (N, 3, H, W)');
    await expect(reid.extract(loaded.model as never, [])).rejects.toThrow('Expected what reid.load gives');
    loaded.model.train();
    await expect(reid.extract(loaded, noise())).rejects.toThrow('evaluation mode');
  });
});

describe('reid.loadBackbone', () => {
  it('fills a backbone from a classification file and refuses one that does not fit', () => {
    save(models.resnet50_ibn_a().stateDict(), path('imagenet.pth'));
    const model = new reid.StrongBaseline({ backbone: 'resnet50_ibn_a' });
    const loaded = reid.loadBackbone(model, path('imagenet.pth'));
    expect(loaded).toContain('layer4.2.bn3.running_var');
    expect(loaded.some((key) => key.startsWith('fc.'))).toBe(false);
    expect(reid.loadBackbone(reid.sbs({ withIbn: true }), path('imagenet.pth'))).toEqual(loaded);
    const plain = new reid.StrongBaseline({ backbone: 'resnet50' });
    expect(() => reid.loadBackbone(plain, path('imagenet.pth'))).toThrow(
      'Missing key(s) in state_dict: "layer1.0.bn1.weight"',
    );
  });
});
