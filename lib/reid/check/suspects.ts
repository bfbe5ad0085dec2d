import {
  Compose,
  IMAGENET_MEAN,
  IMAGENET_STD,
  Normalize,
  Resize,
  ToDtype,
  ToTensor,
} from '../../data/transforms/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { type LoadedReID, type ReIDModel, reidTransform } from '../models/index.ts';
import { neckSuspect, trainingSuspect } from './readings.ts';
import { structureSuspects } from './structures.ts';
import type { Suspect } from './suspect.ts';

/** All that is tried. */
export function suspectsOf(loaded: LoadedReID<ReIDModel>): Suspect[] {
  return [...preparations(loaded), ...structureSuspects(loaded), ...neckSuspect(loaded), trainingSuspect()];
}

const SIZES = [
  [256, 128],
  [384, 128],
  [128, 256],
  [224, 224],
  [128, 64],
] as const;

function preparations(loaded: LoadedReID<ReIDModel>): Suspect[] {
  const { transform, normalization, size } = loaded;
  const normalise = new Normalize(IMAGENET_MEAN, IMAGENET_STD);
  const isInside = normalization === 'inside';
  const shown = { showsInStatistics: true };
  const twice = isInside
    ? (image: Tensor) => normalise.forward(transform.forward(image).div(255))
    : (image: Tensor) => normalise.forward(transform.forward(image));
  const unit = new Compose([new Resize([...size]), new ToTensor()]);
  const pixels = new Compose([new Resize([...size]), new ToDtype('float32')]);
  const raw = isInside ? unit : pixels;
  const remedy = 'prepare images with loaded.transform, or leave it to reid.extract';
  const list: Suspect[] = [
    {
      ...{
        fault: 'normalised-twice',
        what: 'takes mean and deviation off twice',
        prepare: twice,
        remedy,
        ...shown,
      },
    },
    {
      ...{ fault: 'bgr', what: 'has the channels in the order blue, green, red' },
      prepare: (image) => transform.forward(image.flip([0])),
      remedy: 'read images as RGB: cv2.imread gives BGR',
      ...shown,
    },
    {
      ...{
        fault: 'not-normalised',
        what: isInside ? 'gives numbers from 0 to 1 for pixels' : 'gives pixels from 0 to 255',
      },
      ...{ prepare: (image) => raw.forward(image), remedy, showsInStatistics: false },
    },
  ];
  if (!isInside) list.push(...outsideOnly(size, unit, remedy));
  return [...list, ...sizes(loaded), interpolation(loaded)];
}

function outsideOnly(size: readonly [number, number], unit: Compose, remedy: string): Suspect[] {
  const half = new Compose([
    new Resize([...size]),
    new ToTensor(),
    new Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
  ]);
  return [
    {
      ...{
        fault: 'not-normalised',
        what: 'takes no mean and deviation off',
        remedy,
        showsInStatistics: true,
      },
      prepare: (image) => unit.forward(image),
    },
    {
      ...{ fault: 'other-mean-and-std', what: 'takes 0.5 off and divides by 0.5', showsInStatistics: true },
      prepare: (image) => half.forward(image),
      remedy: "use ImageNet's mean and deviation: transforms.IMAGENET_MEAN, IMAGENET_STD",
    },
  ];
}

function sizes({ size, normalization }: LoadedReID<ReIDModel>): Suspect[] {
  return SIZES.filter((other) => String(other) !== String(size)).map((other) => {
    const transform = reidTransform(normalization, other);
    return {
      ...{ fault: 'size' as const, what: `resizes images to ${other.join('x')} (height x width)` },
      prepare: (image: Tensor) => transform.forward(image),
      remedy: `resize to ${size.join('x')}, or pass { size: [${other.join(', ')}] } if that is what training had`,
      showsInStatistics: false,
    };
  });
}

function interpolation({ size, normalization }: LoadedReID<ReIDModel>): Suspect {
  const isInside = normalization === 'inside';
  const [height, width] = size;
  const resize = new Resize([height, width], { interpolation: isInside ? 'bilinear' : 'bicubic' });
  const rest = isInside
    ? [new ToDtype('float32')]
    : [new ToTensor(), new Normalize(IMAGENET_MEAN, IMAGENET_STD)];
  const transform = new Compose([resize, ...rest]);
  return {
    ...{ fault: 'interpolation', what: `resizes by ${isInside ? 'bilinear' : 'bicubic'} interpolation` },
    prepare: (image) => transform.forward(image),
    remedy: `resize by ${isInside ? 'bicubic' : 'bilinear'} interpolation, as the published code does`,
    showsInStatistics: false,
  };
}
