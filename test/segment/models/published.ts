import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { save } from '../../../lib/checkpoint/index.ts';
import * as models from '../../../lib/models/index.ts';
import * as segment from '../../../lib/segment/index.ts';
import { noGrad, scope, type Tensor } from '../../../lib/tensor/index.ts';
import { tmp } from '../../helpers/files.ts';
import { expectSampled, filled, type Key, noise, published, type Sampled } from './figures.ts';

interface Network {
  keys: Key[];
  out: Sampled;
  aux: Sampled;
}

/** Those that are compared in every run of the tests. */
export const QUICK = [
  'R18 OS32',
  'R50 OS16 ISW',
  'R50 OS16 IBN',
  'deeplabv3/resnet50',
  'resnet50_ibn_a D',
  'resnet50_ibn_b D16',
];

const ROBUSTNET: Record<string, [name: string, options?: object]> = {
  'R18 OS32': ['deeplabv3plus/resnet18_ibn_b'],
  'R50 OS16': ['deeplabv3plus/resnet50'],
  'R50 OS16 IBN': ['deeplabv3plus/resnet50_ibn_b'],
  'R50 OS8 IBN': ['deeplabv3plus/resnet50_ibn_b', { outputStride: 8 }],
  'R50 OS16 ISW': ['deeplabv3plus/resnet50_ibn_b'],
  'R101 OS8 IBN': ['deeplabv3plus/resnet101_ibn_b'],
};

function load(keys: Key[], options: object = {}): segment.LoadedSegmenter {
  const file = join(tmp(), 'checkpoint.pth');
  const wrapped = new Map([...filled(keys)].map(([key, value]) => [`module.${key}`, value]));
  save({ epoch: 3, state_dict: wrapped }, file);
  return segment.load(file, { options });
}

/** Scores of stage 3, as small as the map. */
function auxOf({ model }: segment.LoadedSegmenter): Tensor {
  const { aux } = (model as segment.Segmenter).backbone.forward(noise());
  const head = (model as segment.DeepLabV3Plus).dsn ?? (model as segment.FCN).aux_classifier;
  return head?.forward(aux) as Tensor;
}

/** Compares what `networks` names, or what it does not name, with the published code. */
export function compareWithPublished(networks: readonly string[], isNamed: boolean): void {
  const of = (figures: object) => Object.keys(figures).filter((name) => networks.includes(name) === isNamed);

  describe("RobustNet's checkpoints", () => {
    const figures = published<Network>('robustnet');

    it.each(of(figures))('load and give its scores: %s', (name) => {
      const { keys, out, aux } = figures[name] as Network;
      const [expected, options] = ROBUSTNET[name] as [string, object?];
      const loaded = load(keys, options);
      expect(loaded.name).toBe(expected);
      expect(loaded.layout).toBe('RobustNet');
      noGrad(() =>
        scope(() => {
          expectSampled(loaded.model.forward(noise()) as Tensor, out);
          expectSampled(auxOf(loaded), aux);
        }),
      );
      loaded.model.dispose();
    });
  });

  describe("torchvision's checkpoints", () => {
    const figures = published<Network>('torchvision');

    it.each(of(figures))('load and give its scores: %s', (name) => {
      const { keys, out, aux } = figures[name] as Network;
      const loaded = load(keys);
      expect(String(loaded)).toContain(`${name} of torchvision, 21 classes`);
      noGrad(() =>
        scope(() => {
          expectSampled(loaded.model.forward(noise()) as Tensor, out);
          const scores = auxOf(loaded).upsampleBilinear2d([65, 97], false);
          expectSampled(scores, aux);
        }),
      );
      loaded.model.dispose();
    });
  });

  describe('dilated backbones', () => {
    type Stages = { keys: Key[] } & Record<'layer1' | 'layer3' | 'layer4', Sampled>;
    const figures = published<Stages>('dilated');

    it.each(of(figures))('give the maps of the published network: %s', (name) => {
      const { keys, layer1, layer3, layer4 } = figures[name] as Stages;
      const [backboneName, variant] = name.split(' ') as [string, string];
      const outputStride = variant === 'D' ? 8 : 16;
      const fcn = segment.create(`fcn/${backboneName}`, { outputStride }).eval();
      const file = join(tmp(), 'imagenet.pth');
      save(filled(keys), file);
      segment.loadBackbone(fcn, file);
      const classifier = models.getModel(backboneName, { outputStride, dilateFirst: true }).eval();
      const features = models.createFeatureExtractor(classifier as models.FeatureModel, ['layer4']);
      features.loadStateDict(fcn.backbone.stateDict());
      noGrad(() =>
        scope(() => {
          const { low, aux, out } = fcn.backbone.forward(noise());
          expectSampled(low, layer1);
          expectSampled(aux, layer3);
          expectSampled(out, layer4);
          expectSampled(features.forward(noise()).layer4 as Tensor, layer4);
        }),
      );
      fcn.dispose();
    });
  });
}
