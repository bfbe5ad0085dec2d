import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { decodeImage, equal, hub, IMAGENET_CLASSES, models, transforms } from '../../lib/index.ts';
import { message, root } from '../helpers/index.ts';
import { emptyCache, failure, publishSmallModel, SMALL } from './published.ts';

const REPOSITORY = 'XingangPan/IBN-Net';

afterEach(() => vi.unstubAllEnvs());

/** The options that an entry point knows, as its message for an unknown one lists them. */
function optionsOf(entry: string): string[] {
  const text = message(() => models.getModel(entry, { qqqqqqqqqqqqqqqqqq: 1 } as never));
  return (/known options: (.*)$/.exec(text)?.[1] ?? '').split(', ');
}

describe('hub', () => {
  it('lists the entry points', () => {
    expect(hub.list(REPOSITORY)).toEqual(models.listModels({ filter: 'ibn' }));
    expect(hub.list(REPOSITORY)).toHaveLength(20);
    expect(hub.list()).toContain('resnet50_ibn_a');
  });

  it('takes a branch or tag behind the repository', () => {
    expect(hub.list(`${REPOSITORY}:v1.0`)).toHaveLength(20);
  });

  it('builds a model without weights', async () => {
    const model = await hub.load(REPOSITORY, 'resnet18_ibn_b', SMALL);
    expect(model.fc.weight.shape).toEqual([5, 8]);
  });

  it('refuses other repositories, unknown entries and weights that were never published', async () => {
    const errors = await Promise.all([
      failure(hub.load('pytorch/vision', 'resnet50')),
      failure(hub.load(REPOSITORY, 'resnet50_ibn_c')),
      failure(hub.load(REPOSITORY, 'resnet50_ibn_c', { pretrained: true })),
      failure(hub.load(REPOSITORY, 'resnet152_ibn_a', { pretrained: true })),
      failure(hub.load(REPOSITORY, 'resnet18_ibn_a', { forceReload: true } as never)),
    ]);
    expect(errors.map((error) => `${error.name} ${error.code}: ${error.message}`)).toMatchInlineSnapshot(`
      [
        "HubError ERR_HUB_REPOSITORY: Expected the repository "XingangPan/IBN-Net" for hub, got "pytorch/vision"",
        "RangeError undefined: Unknown model "resnet50_ibn_c"; did you mean resnet50_ibn_a or resnet50_ibn_b?",
        "RangeError undefined: Unknown model "resnet50_ibn_c"; did you mean resnet50_ibn_a or resnet50_ibn_b?",
        "HubError ERR_HUB_NO_WEIGHTS: Expected pretrained to be false for resnet152_ibn_a, got true; weights were published for resnet18_ibn_a, resnet34_ibn_a, resnet50_ibn_a, resnet101_ibn_a, resnet18_ibn_b, resnet34_ibn_b, resnet50_ibn_b, resnet101_ibn_b, resnext101_ibn_a, se_resnet101_ibn_a, densenet121_ibn_a, densenet169_ibn_a",
        "RangeError undefined: Expected a known option for resnet18_ibn_a, got "forceReload"; known options: numClasses, inChannels, ibnCfg, ratio, widths, groups, widthPerGroup, stem, avgpool, replaceStrideWithDilation, outputStride, dilateFirst, lastStride, pretrained",
      ]
    `);
  });

  it('refuses weights that were never published in the entry points too, and names those that were', () => {
    expect(message(() => models.resnext50_ibn_a({ pretrained: true }))).toMatchInlineSnapshot(
      `"HubError: Expected pretrained to be false for resnext50_ibn_a, got true; weights were published for resnet18_ibn_a, resnet34_ibn_a, resnet50_ibn_a, resnet101_ibn_a, resnet18_ibn_b, resnet34_ibn_b, resnet50_ibn_b, resnet101_ibn_b, resnext101_ibn_a, se_resnet101_ibn_a, densenet121_ibn_a, densenet169_ibn_a"`,
    );
  });

  it('puts its cache where torch.hub has it', () => {
    vi.stubEnv('TORCH_HOME', '/somewhere/torch');
    expect(hub.getDir()).toBe('/somewhere/torch/hub');
    vi.stubEnv('TORCH_HOME', '~/torch');
    expect(hub.getDir()).toBe(join(homedir(), 'torch/hub'));
    vi.stubEnv('TORCH_HOME', undefined);
    vi.stubEnv('XDG_CACHE_HOME', '/cache');
    expect(hub.getDir()).toBe('/cache/torch/hub');
    vi.stubEnv('XDG_CACHE_HOME', undefined);
    expect(hub.getDir()).toBe(join(homedir(), '.cache/torch/hub'));
  });
});

describe('hub.help', () => {
  it('describes an entry point, its options and its weights', () => {
    expect(hub.help(REPOSITORY, 'resnet50_ibn_a')).toMatchInlineSnapshot(`
      "ResNet-50-IBN-a, an ImageNet classifier with instance normalisation (IN) beside batch normalisation (BN) after the first convolution of each block in stages 1 to 3.
      Images (N, 3, H, W) -> logits (N, numClasses).

      Options:
        pretrained: fill it with the published weights (default false)
        numClasses: default 1000
        inChannels: channels of the images (default 3)
        ibnCfg: null, 'a', 'b', 'c', 'd', 'ad' or 'aa' for each stage (default ['a', 'a', 'a', null])
        ratio: share of IN in IBN layers, 0 to 1 (default 0.5)
        widths: planes of the four stages (default [64, 128, 256, 512])
        replaceStrideWithDilation: dilation for stride in stages 2 to 4 (default [false, false, false])
        outputStride: the same by the stride of the last map: 8, 16 or 32 (default 32)
        dilateFirst: whether a dilated stage's first block is dilated as its others are, as in PSPNet (default false)
        lastStride: stride of stage 4: 2 (default), or 1 as in Re-ID
        avgpool: pooling before the classifier (default GlobalAvgPool2d; the original has new nn.AvgPool2d(7))
        groups: groups of the 3x3 convolutions (default 1; not in 18 and 34)
        widthPerGroup: width of a group for 64 planes (default 64; not in 18 and 34)
        stem: 'imagenet' (default), or 'small' for images of about 32x32

      Weights: resnet50_ibn_a-d9d0bb7b.pth
        published error: top-1 22.54 %, top-5 6.32 % (README)
        error of the file: top-1 22.76 %, top-5 6.41 % (the README of 2019 and the evaluation in osmr/imgclsmob)
        input: RGB in [0, 1], shorter side to 256 (bilinear), middle 224x224,
          mean 0.485, 0.456, 0.406, deviation 0.229, 0.224, 0.225: hub.weights('resnet50_ibn_a').transforms()
        classes: ImageNet's 1,000, hub.weights('resnet50_ibn_a').classes"
    `);
    expect(hub.help(REPOSITORY, 'resnet18_ibn_b')).toContain('published error: none was published');
    expect(hub.help(REPOSITORY, 'densenet201_ibn_a')).toMatch(
      /^DenseNet-201-IBN-a, .*\n[\s\S]*Weights: none were/,
    );
  });

  it.each(hub.list())('%s: tells exactly the options that it has', (entry) => {
    const text = hub.help(REPOSITORY, entry);
    const told = [...(/Options:\n([\s\S]*?)\n\n/.exec(text)?.[1] ?? '').matchAll(/^ {2}(\w+): /gm)];
    expect(told.map(([, name]) => name).sort()).toEqual(optionsOf(entry).sort());
    expect(text).not.toContain('undefined');
  });

  it('refuses other repositories and unknown entry points', () => {
    expect(message(() => hub.help('pytorch/vision', 'resnet50'))).toMatchInlineSnapshot(
      `"HubError: Expected the repository "XingangPan/IBN-Net" for hub, got "pytorch/vision""`,
    );
    expect(message(() => hub.help(REPOSITORY, 'resnet50_ibn'))).toMatchInlineSnapshot(
      `"RangeError: Unknown model "resnet50_ibn"; did you mean resnet50_ibn_a or resnet50_ibn_b?"`,
    );
  });
});

describe('hub.weights', () => {
  it('has every published file, those that the published hub omits included', () => {
    expect(hub.pretrainedModels().map((name) => hub.weights(name).url)).toMatchInlineSnapshot(`
      [
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/resnet18_ibn_a-2f571257.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/resnet34_ibn_a-94bc1577.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/resnet50_ibn_a-d9d0bb7b.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/resnet101_ibn_a-59ea0ac6.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/resnet18_ibn_b-bc2f3c11.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/resnet34_ibn_b-04134c37.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/resnet50_ibn_b-9ca61e85.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/resnet101_ibn_b-c55f6dba.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/resnext101_ibn_a-6ace051d.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/se_resnet101_ibn_a-fabed4e2.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/densenet121_ibn_a-e4af5cc1.pth",
        "https://github.com/XingangPan/IBN-Net/releases/download/v1.0/densenet169_ibn_a-9f32c161.pth",
      ]
    `);
    expect(hub.pretrainedModels().sort()).toEqual(models.listModels({ pretrained: true }).sort());
  });

  it.each(hub.pretrainedModels())('%s carries preprocessing and classes', (name) => {
    const weights = hub.weights(name);
    expect(String(weights.transforms())).toBe(String(transforms.imagenetEval()));
    expect(weights.classes).toBe(IMAGENET_CLASSES);
    expect(weights.path).toBe(join(hub.getDir(), 'checkpoints', weights.file));
    expect(weights.file).toBe(`${name}-${weights.sha256Prefix}.pth`);
  });

  it('prepares an image', async () => {
    const image = await decodeImage(join(root, 'test/fixtures/images/chelsea.png'));
    const x = hub.weights('densenet121_ibn_a').transforms().forward(image);
    expect(x.shape).toEqual([3, 224, 224]);
    expect(equal(x, transforms.imagenetEval().forward(image))).toBe(true);
  });

  it("gives the published error with its source, and the file's own where it differs", () => {
    const errors = hub.pretrainedModels().map((name) => {
      const { error, errorSource, releasedError, releasedErrorSource } = hub.weights(name);
      const text = (rates: models.ErrorRates | null, source: string | null) =>
        rates && `${rates.top1} / ${rates.top5} (${source})`;
      return [name, text(error, errorSource), text(releasedError, releasedErrorSource)];
    });
    expect(errors).toMatchInlineSnapshot(`
      [
        [
          "resnet18_ibn_a",
          "29.17 / 10.24 (README)",
          null,
        ],
        [
          "resnet34_ibn_a",
          "25.78 / 8.19 (README)",
          null,
        ],
        [
          "resnet50_ibn_a",
          "22.54 / 6.32 (README)",
          "22.76 / 6.41 (the README of 2019 and the evaluation in osmr/imgclsmob)",
        ],
        [
          "resnet101_ibn_a",
          "21.39 / 5.59 (README)",
          "21.29 / 5.61 (the README of 2019 and the evaluation in osmr/imgclsmob)",
        ],
        [
          "resnet18_ibn_b",
          null,
          null,
        ],
        [
          "resnet34_ibn_b",
          null,
          null,
        ],
        [
          "resnet50_ibn_b",
          "23.64 / 6.86 (paper)",
          null,
        ],
        [
          "resnet101_ibn_b",
          null,
          null,
        ],
        [
          "resnext101_ibn_a",
          "20.88 / 5.42 (README)",
          null,
        ],
        [
          "se_resnet101_ibn_a",
          "21.25 / 5.51 (README)",
          null,
        ],
        [
          "densenet121_ibn_a",
          "24.47 / 7.25 (README)",
          null,
        ],
        [
          "densenet169_ibn_a",
          "23.25 / 6.51 (README)",
          null,
        ],
      ]
    `);
  });

  it('names the models that have weights', () => {
    expect(message(() => hub.weights('resnet152_ibn_a'))).toMatchInlineSnapshot(
      `"HubError: Expected a model with weights, got resnet152_ibn_a; weights were published for resnet18_ibn_a, resnet34_ibn_a, resnet50_ibn_a, resnet101_ibn_a, resnet18_ibn_b, resnet34_ibn_b, resnet50_ibn_b, resnet101_ibn_b, resnext101_ibn_a, se_resnet101_ibn_a, densenet121_ibn_a, densenet169_ibn_a"`,
    );
    expect(message(() => hub.weights('resnet50_ibn_aa'))).toMatchInlineSnapshot(
      `"RangeError: Unknown model "resnet50_ibn_aa"; did you mean resnet50_ibn_a?"`,
    );
  });

  it('takes the address from a mirror, and refuses a wrong one', () => {
    vi.stubEnv('IBN_NET_CHECKPOINT_BASE_URL', 'http://mirror.test/ibn');
    expect(hub.weights('resnet18_ibn_a').url).toBe('http://mirror.test/ibn/resnet18_ibn_a-2f571257.pth');
    vi.stubEnv('IBN_NET_CHECKPOINT_BASE_URL', 'mirror.test/ibn');
    expect(message(() => hub.weights('resnet18_ibn_a'))).toMatchInlineSnapshot(
      `"HubError: Expected an http or https URL for IBN_NET_CHECKPOINT_BASE_URL, got "mirror.test/ibn""`,
    );
    vi.stubEnv('IBN_NET_CHECKPOINT_BASE_URL', '');
    expect(hub.weights('resnet18_ibn_a').url).toContain('https://github.com/');
  });
});

describe('models with pretrained: true', () => {
  it('say where they look for weights', () => {
    vi.stubEnv('TORCH_HOME', '/nowhere');
    expect(message(() => models.resnet18_ibn_a({ pretrained: true }))).toMatchInlineSnapshot(
      `"HubError: Expected /nowhere/hub/checkpoints/resnet18_ibn_a-2f571257.pth for pretrained resnet18_ibn_a, got no such file; fetch it with: await hub.load('XingangPan/IBN-Net', 'resnet18_ibn_a', { pretrained: true })"`,
    );
  });

  it('take what the cache has', () => {
    const { name, content, model } = publishSmallModel();
    const folder = emptyCache();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), content);
    const again = models.resnet18_ibn_b({ ...SMALL, pretrained: true });
    expect(equal(again.conv1.weight, model.conv1.weight)).toBe(true);
  });

  it('refuse a file in the cache that is not what its name says', () => {
    const folder = emptyCache();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'resnet18_ibn_a-2f571257.pth'), 'not the weights');
    const text = message(() => models.resnet18_ibn_a({ pretrained: true }));
    expect(text.replace(folder, '<cache>')).toMatchInlineSnapshot(
      `"HubError: Expected sha256 2f571257 for <cache>/resnet18_ibn_a-2f571257.pth, got 35245741e72e29edc737d79889c146307c8ca445834edf0e084d7c16f91da3c4; remove the file, it is damaged or another one"`,
    );
  });
});
