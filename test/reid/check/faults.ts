import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveSafetensors } from '../../../lib/checkpoint/index.ts';
import * as transforms from '../../../lib/data/transforms/index.ts';
import * as nn from '../../../lib/nn/index.ts';
import * as reid from '../../../lib/reid/index.ts';
import { withAnyPixels } from '../../../lib/reid/models/heads/pixels.ts';
import { noGrad, ops, type Tensor } from '../../../lib/tensor/index.ts';
import { asLoaded, featuresOf, SIZE, sound, transformOf } from './sound-networks.ts';

/** What is examined: a network or a file, and perhaps features. */
export interface Case {
  file: Parameters<typeof reid.check>[0];
  features?: Tensor;
}

type Build = () => reid.ReIDModel;

const numClasses = 10;
const strong = (backbone: reid.StrongBaselineBackbone, more: reid.StrongBaselineOptions = {}): Build => {
  return () => new reid.StrongBaseline({ backbone, numClasses, ...more });
};

/** Twenty networks that nothing is wrong with. */
export const SOUND: readonly (readonly [string, Build])[] = [
  ['resnet18', strong('resnet18')],
  ['resnet18, last stride 2', strong('resnet18', { lastStride: 2 })],
  ['resnet18 without neck', strong('resnet18', { neck: 'no' })],
  ['resnet18, features before the neck', strong('resnet18', { neckFeat: 'before' })],
  ['resnet34', strong('resnet34')],
  ['resnet50', strong('resnet50')],
  ['resnet50_ibn_a', strong('resnet50_ibn_a')],
  ['resnet50_ibn_b', strong('resnet50_ibn_b')],
  ['se_resnet50', strong('se_resnet50')],
  ['se_resnext50', strong('se_resnext50')],
  ['bagtricks 18x', () => reid.bagtricks({ depth: '18x', numClasses })],
  ['bagtricks 18x padded', () => reid.bagtricks({ depth: '18x', numClasses, maxPool: 'padded' })],
  ['bagtricks 34x ibn', () => reid.bagtricks({ depth: '34x', withIbn: true, numClasses })],
  ['bagtricks 18x se', () => reid.bagtricks({ depth: '18x', withSe: true, numClasses })],
  ['AGW 50x ibn', () => reid.agw({ withIbn: true, numClasses })],
  ['bagtricks resnext 50x', () => reid.bagtricks({ backbone: 'resnext', numClasses })],
  ['osnet_x0_25', () => reid.osnet_x0_25({ numClasses })],
  ['osnet_x0_5', () => reid.osnet_x0_5({ numClasses })],
  ['osnet_ain_x0_25', () => reid.osnet_ain_x0_25({ numClasses })],
  [
    'bagtricks osnet x0_25 ibn',
    () => reid.bagtricks({ backbone: 'osnet', depth: 'x0_25', withIbn: true, numClasses }),
  ],
];

const r18 = strong('resnet18');
const fast18: Build = () => reid.bagtricks({ depth: '18x', numClasses });
const imagenet = new transforms.Normalize(transforms.IMAGENET_MEAN, transforms.IMAGENET_STD);
const half = new transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]);
const unit = new transforms.Compose([new transforms.Resize([...SIZE]), new transforms.ToTensor()]);

/** Images for training, and the features of `images` that a wrong program makes. */
interface Images {
  train: readonly Tensor[];
  images: readonly Tensor[];
}

type Seeded = readonly [name: string, fault: reid.Fault, make: (images: Images, seed: number) => Case];

/** A program prepares images of a sound network wrongly. */
const wrongProgram = (build: Build, prepare: (model: reid.ReIDModel) => (image: Tensor) => Tensor) => {
  return ({ train, images }: Images, seed: number): Case => {
    const model = sound(build, train, seed);
    return {
      file: asLoaded(model),
      features: withAnyPixels(() => featuresOf(model, images, prepare(model))),
    };
  };
};

/** A program runs another network with the same weights. */
const otherNetwork = (build: Build, other: Build) => {
  return ({ train, images }: Images, seed: number): Case => {
    const model = sound(build, train, seed);
    const theirs = other();
    theirs.loadStateDict(model.stateDict());
    return { file: asLoaded(model), features: featuresOf(theirs.eval(), images) };
  };
};

/** Training did something else than the network as it is loaded. */
const otherTraining = (build: Build, training: Parameters<typeof sound>[3]) => {
  return ({ train }: Images, seed: number): Case => {
    const trained = sound(build, train, seed, training);
    const model = build();
    model.loadStateDict(trained.stateDict());
    return { file: asLoaded(model.eval()) };
  };
};

const twice = (model: reid.ReIDModel) => (image: Tensor) =>
  imagenet.forward(model instanceof reid.FastReID ? unit.forward(image) : transformOf(model).forward(image));
const bgr = (model: reid.ReIDModel) => (image: Tensor) => transformOf(model).forward(image.flip([0]));

/** The file of a network whose entries were changed. */
const changedFile = (
  build: Build,
  change: (state: Map<string, Tensor>, fresh: Map<string, Tensor>) => void,
) => {
  return ({ train }: Images, seed: number): Case => {
    const state = new Map(sound(build, train, seed).stateDict());
    change(state, build().stateDict());
    return { file: fileOf(state) };
  };
};

function fileOf(state: Map<string, Tensor>): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'reid-check-'));
  try {
    saveSafetensors(Object.fromEntries(state), join(folder, 'model.safetensors'));
    return readFileSync(join(folder, 'model.safetensors'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function replace(state: Map<string, Tensor>, fresh: Map<string, Tensor>, pattern: RegExp): void {
  for (const [key, tensor] of fresh) if (pattern.test(key)) state.set(key, tensor);
}

const fast18Of =
  (options: reid.FastReIDOptions): Build =>
  () =>
    reid.bagtricks({ depth: '18x', numClasses, ...options });

/** Faults, one each case. */
export const FAULTS: readonly Seeded[] = [
  ['resnet18, features of images normalised twice', 'normalised-twice', wrongProgram(r18, twice)],
  ['fast-reid, features of images normalised before', 'normalised-twice', wrongProgram(fast18, twice)],
  [
    'osnet_ain, features of images normalised twice',
    'normalised-twice',
    wrongProgram(() => reid.osnet_ain_x0_25({ numClasses }), twice),
  ],
  [
    'resnet18, features of images that are not normalised',
    'not-normalised',
    wrongProgram(r18, () => (image) => unit.forward(image)),
  ],
  [
    'fast-reid, features of pixels from 0 to 1',
    'not-normalised',
    wrongProgram(fast18, () => (image) => unit.forward(image)),
  ],
  [
    'resnet18, features with a mean of 0.5',
    'other-mean-and-std',
    wrongProgram(r18, () => (image) => half.forward(unit.forward(image))),
  ],
  [
    'resnet18, trained with a mean of 0.5',
    'other-mean-and-std',
    otherTraining(r18, { prepare: (image) => half.forward(unit.forward(image)) }),
  ],
  ['resnet18, features of BGR images', 'bgr', wrongProgram(r18, bgr)],
  [
    'fast-reid, trained on BGR images',
    'bgr',
    otherTraining(fast18, {
      prepare: (image) =>
        new transforms.Compose([
          new transforms.Resize([...SIZE], { interpolation: 'bicubic' }),
          new transforms.ToDtype('float32'),
        ]).forward(image.flip([0])),
    }),
  ],
  [
    'fast-reid, features of a network that pads before its pooling',
    'max-pool',
    otherNetwork(fast18, fast18Of({ maxPool: 'padded' })),
  ],
  [
    'fast-reid padded, features of a network with ceil_mode',
    'max-pool',
    otherNetwork(fast18Of({ maxPool: 'padded' }), fast18),
  ],
  [
    'resnet18, trained with a ReLU in the stem',
    'stem-relu',
    otherTraining(r18, {
      build: (model) => {
        ((model as reid.StrongBaseline).base as reid.ResNetBackbone).relu = new nn.ReLU();
      },
    }),
  ],
  [
    'fast-reid, trained without a ReLU in the stem',
    'stem-relu',
    otherTraining(fast18, {
      build: (model) => {
        ((model as reid.FastReID).backbone as reid.ResNetBackbone).relu = null;
      },
    }),
  ],
  [
    'resnet18, features of a network with a last stride of 2',
    'last-stride',
    otherNetwork(r18, strong('resnet18', { lastStride: 2 })),
  ],
  [
    'fast-reid, trained with a last stride of 2',
    'last-stride',
    ({ train }, seed) => {
      const model = fast18();
      model.loadStateDict(sound(fast18Of({ lastStride: 2 }), train, seed).stateDict());
      return { file: asLoaded(model.eval()) };
    },
  ],
  [
    'resnet18, features of before the neck',
    'neck',
    otherNetwork(r18, strong('resnet18', { neckFeat: 'before' })),
  ],
  [
    'fast-reid, features of before the neck',
    'neck',
    ({ train, images }, seed) => {
      const model = sound(fast18, train, seed) as reid.FastReID;
      const neck = model.heads.bottleneck;
      model.heads.bottleneck = new nn.Sequential();
      const features = featuresOf(model, images);
      model.heads.bottleneck = neck;
      return { file: asLoaded(model), features };
    },
  ],
  [
    'resnet18, features of larger images',
    'size',
    wrongProgram(
      r18,
      () => (image) =>
        new transforms.Compose([
          new transforms.Resize([256, 128]),
          new transforms.ToTensor(),
          imagenet,
        ]).forward(image),
    ),
  ],
  [
    'resnet18, features of a network in training mode',
    'training-mode',
    ({ train, images }, seed) => {
      const model = sound(r18, train, seed) as reid.StrongBaseline;
      const copy = model.clone().train();
      const [, pooled] = noGrad(() =>
        copy.forward(
          ops.aten.stack(
            images.map((image) => transformOf(model).forward(image)),
            0,
          ),
        ),
      ) as [Tensor, Tensor];
      const features = noGrad(() =>
        nn.functional.normalize((copy.bottleneck as nn.BatchNorm1d).forward(pooled), { dim: 1 }),
      );
      return { file: asLoaded(model), features };
    },
  ],
  [
    'resnet18, features as they come',
    'not-unit-length',
    ({ train, images }, seed) => {
      const model = sound(r18, train, seed);
      const batch = ops.aten.stack(
        images.map((image) => transformOf(model).forward(image)),
        0,
      );
      return { file: asLoaded(model), features: noGrad(() => model.forward(batch) as Tensor) };
    },
  ],
  [
    'resnet18, a file without its last stage',
    'half-loaded',
    changedFile(r18, (state) => {
      for (const key of [...state.keys()]) if (key.startsWith('base.layer4')) state.delete(key);
    }),
  ],
  [
    'resnet18, a file whose third stage was drawn anew',
    'half-loaded',
    changedFile(r18, (state, fresh) => replace(state, fresh, /^base\.layer3/)),
  ],
  [
    'resnet18, a file without statistics',
    'untouched-statistics',
    changedFile(r18, (state, fresh) => replace(state, fresh, /running_|tracked/)),
  ],
  [
    'resnet18, a file with NaN',
    'broken-weights',
    changedFile(r18, (state) => {
      const key = 'base.layer2.0.conv1.weight';
      state.set(key, ops.aten.div(state.get(key) as Tensor, 0).mul(0));
    }),
  ],
  [
    'resnet18, a first stage of another file',
    'unlike-training',
    changedFile(r18, (state, fresh) => {
      for (const [key, tensor] of fresh)
        if (/^base\.layer2.*conv\d\.weight/.test(key)) state.set(key, tensor.mul(5).add(0.02));
    }),
  ],
];
