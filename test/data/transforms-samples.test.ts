import { describe, expect, expectTypeOf, it } from 'vitest';
import { DataLoader, transforms } from '../../lib/data/index.ts';
import {
  equal,
  manualSeed,
  memoryStats,
  ones,
  rand,
  randint,
  scope,
  stack,
  type Tensor,
  zeros,
} from '../../lib/tensor/index.ts';
import { errorOf } from '../helpers/index.ts';

const { functional: F } = transforms;
const photo = () => randint(0, 256, [3, 12, 16], { dtype: 'uint8' });
const labels = () => randint(0, 5, [12, 16], { dtype: 'uint8' });
const isMade = (value: Tensor, from: Tensor) => equal(value, from.index(':', ':'));

describe('an image and its mask', () => {
  it('go through a chain together, and what is beside them passes through', () => {
    const prepare = new transforms.Compose([
      new transforms.RandomResizedCrop(8),
      new transforms.RandomHorizontalFlip(),
      new transforms.ColorJitter({ brightness: 0.4 }),
      new transforms.ToDtype({ image: 'float32', mask: 'int64' }, { scale: true }),
      new transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    ]);
    const sample = { image: photo(), mask: labels(), path: 'a.png' };
    const made = prepare.forward(sample);
    expectTypeOf(made).toEqualTypeOf<{ image: Tensor; mask: Tensor; path: string }>();
    expect([made.image.shape, made.mask.shape, made.path]).toEqual([[3, 8, 8], [8, 8], 'a.png']);
    expect([made.image.dtype, made.mask.dtype]).toEqual(['float32', 'int64']);
  });

  it('get the same draw: a mask of the image moves as the image', () => {
    const image = photo();
    const steps = [
      new transforms.RandomCrop(6, { padding: 2, fill: { image: [1, 2, 3], mask: 1 } }),
      new transforms.RandomRotation(40),
      new transforms.RandomAffine(10, { translate: [0.3, 0.3] }),
      new transforms.RandomPerspective({ p: 1, interpolation: 'nearest' }),
    ];
    for (const step of steps) {
      const made = step.forward({ image, mask: image.select(0, 0) });
      expect(isMade(made.image.select(0, 0), made.mask), String(step)).toBe(true);
    }
  });

  it('of a batch have a mask for each image', () => {
    const flip = new transforms.RandomHorizontalFlip(1);
    const made = flip.forward({ image: zeros([2, 3, 4, 5]), mask: ones([2, 4, 5]) });
    expect(made.mask.shape).toEqual([2, 4, 5]);
  });

  it('may come without a mask', () => {
    const made = new transforms.CenterCrop(4).forward({ image: photo(), label: 3 });
    expect([made.image.shape, made.label]).toEqual([[3, 4, 4], 3]);
  });

  it('are put into batches by a loader', async () => {
    const crop = new transforms.RandomCrop(6);
    const data = { length: 4, get: () => crop.forward({ image: photo(), mask: labels() }) };
    for await (const { image, mask } of new DataLoader(data, { batchSize: 4 })) {
      expect([image.shape, mask.shape]).toEqual([
        [4, 3, 6, 6],
        [4, 6, 6],
      ]);
    }
  });
});

describe('steps of your own', () => {
  class Shift extends transforms.ImageTransform<number> {
    readonly seen: Tensor[] = [];
    override makeParams(): number {
      return 2;
    }
    transform(image: Tensor, by: number): Tensor {
      const moved = image.roll([by], [-1]);
      this.seen.push(moved.neg());
      return moved;
    }
    override transformMask(mask: Tensor, by: number): Tensor {
      return mask.roll([by], [-1]);
    }
  }

  it('say what is drawn and what it does, and may keep what they make', () => {
    const shift = new Shift();
    const prepare = new transforms.Compose([new transforms.ToTensor(), shift, new transforms.CenterCrop(4)]);
    const made = prepare.forward({ image: photo(), mask: labels() });
    expect(made.mask.shape).toEqual([4, 4]);
    expect(shift.seen[0]?.sum().item()).toBeLessThan(0);
  });

  it('of the package with a method overridden may keep what they make', () => {
    const kept: Tensor[] = [];
    class Watched extends transforms.GaussianBlur {
      override transform(image: Tensor, sigma: number): Tensor {
        const made = super.transform(image, sigma);
        kept.push(made);
        return made;
      }
    }
    new transforms.Compose([new Watched(3), new transforms.ToTensor()]).forward(photo());
    expect(kept[0]?.shape).toEqual([3, 12, 16]);
  });

  it('are functions in a Lambda, of crops too', () => {
    const crops = new transforms.Compose([
      new transforms.TenCrop(4),
      new transforms.Lambda((parts: Tensor[]) => stack(parts)),
      new transforms.ToTensor(),
    ]);
    expect(crops.forward(photo()).shape).toEqual([10, 3, 4, 4]);
    const half = new transforms.Lambda((x: Tensor) => x.float().div(2), { mask: (m) => m.add(1) });
    const made = half.forward({ image: ones([3, 2, 2]), mask: ones([2, 2]) });
    expect([made.image.sum().item(), made.mask.sum().item()]).toEqual([6, 8]);
  });
});

describe('memory of transforms', () => {
  it('is given back: only results stay', () => {
    const image = photo();
    const steps = [
      new transforms.ColorJitter({ brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.2 }),
      new transforms.RandomRotation(20, { interpolation: 'bilinear' }),
      new transforms.RandomPerspective({ p: 1 }),
      new transforms.ElasticTransform({ sigma: 0.5 }),
      new transforms.GaussianBlur(3),
      new transforms.RandomEqualize(1),
      new transforms.RandAugment(),
      new transforms.AugMix(),
      new transforms.RandomErasing({ p: 1, value: 'random' }),
    ];
    for (const step of steps) {
      const before = memoryStats().tensors;
      const made = scope(() => new transforms.Compose([step]).forward(image));
      expect(memoryStats().tensors - before, String(step)).toBe(made === image ? 0 : 1);
      made.dispose();
    }
  });
});

describe('transforms', () => {
  it('print their fields', () => {
    const made = [
      new transforms.RandomRotation(30),
      new transforms.Pad([1, 2], { paddingMode: 'edge' }),
      new transforms.ColorJitter({ hue: 0.1 }),
      new transforms.RandAugment(),
      new transforms.RandomApply([new transforms.RandomInvert()]),
    ];
    expect(made.map(String)).toMatchInlineSnapshot(`
      [
        "RandomRotation(degrees=[-30, 30], interpolation=nearest, expand=False, fill=0)",
        "Pad(padding=[1, 2], fill=0, padding_mode=edge)",
        "ColorJitter(hue=[-0.1, 0.1])",
        "RandAugment(interpolation=nearest, num_ops=2, magnitude=9, num_magnitude_bins=31)",
        "RandomApply(
            RandomInvert(p=0.5)
      )",
      ]
    `);
  });

  it('leave a whole number a whole factor: 2 is twice as bright, not cut to a byte', () => {
    const gray = zeros([1, 1, 2], { dtype: 'uint8' }).add(200).to('uint8');
    expect(F.adjustBrightness(gray, 2).flatten().toArray()).toEqual([255, 255]);
  });

  it('take floating point images as torchvision does', () => {
    manualSeed(3);
    const image = rand([3, 9, 9]);
    const bytes = image.mul(255).round().to('uint8');
    const scale = true;
    for (const change of [
      F.invert,
      F.autocontrast,
      (x: Tensor) => F.adjustHue(x, 0.2),
      (x: Tensor) => F.rotate(x, 30),
    ]) {
      const [floats, whole] = [change(image), F.toDtype(change(bytes), 'float32', { scale })];
      expect(floats.dtype).toBe('float32');
      expect(floats.sub(whole).abs().max().item()).toBeLessThan(0.03);
    }
  });

  it('say what they expected', () => {
    const image = photo();
    const mask = labels();
    const attempts: (() => unknown)[] = [
      () => new transforms.CenterCrop(4).forward({ image, mask: zeros([3, 3]) }),
      () => new transforms.CenterCrop(4).forward({ image, mask: 5 as never }),
      () => new transforms.Pad(1, { fill: [1, 2, 3] }).forward({ image, mask }),
      () => new transforms.Pad(1, { fill: [1, 2] }).forward(image),
      () => new transforms.Pad(1, { fill: { images: 3 } as never }),
      () => new transforms.Pad(1, { paddingMode: 'circular' as never }),
      () => new transforms.Pad(20, { paddingMode: 'reflect' }).forward(image),
      () => new transforms.RandAugment().forward({ image, mask }),
      () => new transforms.RandAugment({ magnitude: 31 }),
      () => new transforms.AutoAugment({ policy: 'coco' as never }),
      () => new transforms.AugMix({ severity: 11 }),
      () => new transforms.RandomRotation(-1),
      () => new transforms.RandomRotation([3, 1]),
      () => new transforms.RandomRotation(3, { interpolation: 'bicubic' as never }),
      () => new transforms.RandomAffine(3, { translate: [2, 0] }),
      () => new transforms.RandomAffine(3, { scale: [0, 1] }),
      () => new transforms.RandomAffine(3, { shear: [1, 2, 3] as never }),
      () => new transforms.ColorJitter({ brightness: -1 }),
      () => new transforms.ColorJitter({ hue: 0.7 }),
      () => F.adjustBrightness(zeros([2, 2, 2]), 1),
      () => F.adjustContrast(image, -1),
      () => F.posterize(image, 9),
      () => F.solarize(image, 256),
      () => F.gaussianBlur(image, 4),
      () => F.gaussianBlur(image, 3, { sigma: 0 }),
      () => F.perspective(image, null, null),
      () => F.elastic(image, zeros([1, 2, 2, 2])),
      () => F.fiveCrop(image, 20),
      () => F.resize(image, 4, { interpolation: 'lanczos', antialias: false }),
      () => new transforms.RandomErasing({ value: 'noise' as never }),
      () => new transforms.RandomErasing({ p: 1, value: [1, 2] }).forward(image),
      () => new transforms.RandomChoice([new transforms.ToTensor()], { p: [1, 2] }),
      () => new transforms.RandomOrder([]),
      () => new transforms.Lambda(5 as never),
      () => new transforms.ToDtype({ images: 'uint8' } as never),
      () => new transforms.MixUp().forward([rand([2, 3, 4, 4]), zeros([2], { dtype: 'int64' })]),
      () =>
        new transforms.MixUp({ numClasses: 2 }).forward([rand([2, 3, 4, 4]), zeros([3], { dtype: 'int64' })]),
      () =>
        new transforms.MixUp({ numClasses: 2 }).forward([
          zeros([2, 3, 4, 4], { dtype: 'uint8' }),
          zeros([2], { dtype: 'int64' }),
        ]),
    ];
    expect(attempts.map((attempt) => String(errorOf(attempt)))).toMatchInlineSnapshot(`
      [
        "RangeError: Expected a mask (..., 12, 16), as its image is, got [3, 3]",
        "TypeError: Expected a Tensor for the mask of a sample, got 5",
        "RangeError: Expected one number for Pad fill of a mask, got [1, 2, 3]; pass fill: { image: [...], mask: 0 }",
        "RangeError: Expected 1 or 3 numbers for pad fill, got [1, 2]",
        "TypeError: Expected a number, an array of numbers, null or { image, mask } for Pad fill, got an object",
        "RangeError: Expected "constant", "edge", "reflect" or "symmetric" for Pad paddingMode, got "circular"",
        "RangeError: Expected 0 to 11 rows and 0 to 15 columns for pad padding of an image (12, 16) with paddingMode "reflect", got [20, 20, 20, 20]",
        "TypeError: Expected an image without a mask for RandAugment, which has no form for masks, got both",
        "RangeError: Expected an integer from 0 to 30 for RandAugment magnitude, got 31",
        "RangeError: Expected "imagenet", "cifar10" or "svhn" for AutoAugment policy, got "coco"",
        "RangeError: Expected an integer from 1 to 10 for AugMix severity, got 11",
        "RangeError: Expected a number of at least 0 or 2 numbers in order for RandomRotation degrees, got -1",
        "RangeError: Expected a number of at least 0 or 2 numbers in order for RandomRotation degrees, got [3, 1]",
        "RangeError: Expected "nearest" or "bilinear" for RandomRotation interpolation, got "bicubic"",
        "RangeError: Expected 2 numbers from 0 to 1 for RandomAffine translate, got [2, 0]",
        "RangeError: Expected 0 < low <= high for RandomAffine scale, got [0, 1]",
        "RangeError: Expected a number of at least 0 or 2 numbers or 4 numbers in order for RandomAffine shear, got [1, 2, 3]",
        "RangeError: Expected a number or bounds of at least 0 in order for ColorJitter brightness, got -1",
        "RangeError: Expected a number or bounds from -0.5 to 0.5 in order for ColorJitter hue, got 0.7",
        "TypeError: Expected an image of 1 or 3 channels for adjustBrightness, got [2, 2, 2]",
        "RangeError: Expected a number of at least 0 for adjustContrast contrastFactor, got -1",
        "RangeError: Expected an integer from 0 to 8 for posterize bits, got 9",
        "RangeError: Expected at most 255 for solarize threshold of uint8, got 256",
        "RangeError: Expected odd positive integers for gaussianBlur kernelSize, got 4",
        "RangeError: Expected positive numbers for gaussianBlur sigma, got 0",
        "TypeError: Expected startpoints and endpoints or coefficients for perspective, got neither",
        "RangeError: Expected [1, 12, 16, 2] for elastic displacement, got [1, 2, 2, 2]",
        "RangeError: Expected an image of at least (20, 20) for fiveCrop, got (12, 16)",
        "RangeError: Expected antialias for resize with interpolation "lanczos", got false",
        "TypeError: Expected a number, an array of numbers or "random" for RandomErasing value, got "noise"",
        "RangeError: Expected 1 or 3 numbers for RandomErasing value, got [1, 2]",
        "RangeError: Expected 1 numbers of at least 0, not all 0, for RandomChoice p, got [1, 2]",
        "RangeError: Expected at least one transform for RandomOrder, got none",
        "TypeError: Expected a function for Lambda lambd, got 5",
        "RangeError: Expected a known option for ToDtype dtype, got "images"; did you mean image?",
        "TypeError: Expected numClasses for MixUp with labels that are numbers of classes, got none",
        "RangeError: Expected images (N, C, H, W) and N labels for MixUp, got [2, 3, 4, 4] and [3]",
        "TypeError: Expected floating point images for MixUp, got uint8; put ToTensor before it",
      ]
    `);
  });
});
