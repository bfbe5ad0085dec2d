import { describe, expect, it } from 'vitest';
import { decodeImage, transforms } from '../../lib/data/index.ts';
import { arange, equal, manualSeed, memoryStats, ops, scope, tensor, zeros } from '../../lib/tensor/index.ts';
import { difference, fixture, fixtureJson } from './helpers.ts';

const { CenterCrop, Compose, Grayscale, Normalize, RandomCrop, RandomHorizontalFlip, RandomResizedCrop } =
  transforms;
const { Resize, ToDtype, ToTensor } = transforms;

const PHOTOS = [
  'china.jpg',
  'flower.jpg',
  'rocket.jpg',
  'chelsea.png',
  'astronaut-420-progressive.jpg',
  'coffee-420.jpg',
  'camera-gray.jpg',
];

interface RandomFixture {
  seed: number;
  resizedCrops: number[][];
  flips: boolean[];
  crops: number[][];
}

const random = fixtureJson<RandomFixture>('random.json');
const positions = (height: number, width: number) => arange(height * width).view([1, height, width]);

describe('classify, preparation against Pillow', () => {
  it.each(PHOTOS)('Resize(256), CenterCrop(224) of %s are those of Pillow', async (name) => {
    const image = await decodeImage(fixture(`images/${name}`));
    const expected = await decodeImage(fixture(`data/${name.replace(/\.\w+$/, '')}-256-224.png`));
    const view = new Compose([new Resize(256), new CenterCrop(224)]).forward(image);
    expect(view.shape).toEqual([3, 224, 224]);
    expect(difference(view, expected).max).toBe(0);
  });

  it.each(PHOTOS)('imagenetEval of %s is that of Pillow and the formula, per channel', async (name) => {
    const image = await decodeImage(fixture(`images/${name}`));
    const expected = await decodeImage(fixture(`data/${name.replace(/\.\w+$/, '')}-256-224.png`));
    const actual = transforms.imagenetEval().forward(image);
    const [mean, std] = [transforms.IMAGENET_MEAN, transforms.IMAGENET_STD].map((values) =>
      tensor([...values]).view([3, 1, 1]),
    );
    const back = actual.mul(std as never).add(mean as never);
    expect(actual.isContiguous()).toBe(true);
    expect(difference(back, expected.to('float32').div(255)).max).toBeLessThanOrEqual(1e-6);
  });

  it('agrees with Pillow on a strong reduction, an enlargement and bicubic', async () => {
    const flower = await decodeImage(fixture('images/flower.jpg'));
    const patch = flower.narrow(1, 100, 30).narrow(2, 200, 40);
    const pairs = [
      [new Resize([47, 61]).forward(flower), 'flower-47x61-bilinear.png'],
      [new Resize([47, 61], { interpolation: 'bicubic' }).forward(flower), 'flower-47x61-bicubic.png'],
      [new Resize([90, 120]).forward(patch), 'flower-30x40-up-90x120.png'],
    ] as const;
    for (const [actual, name] of pairs) {
      const expected = await decodeImage(fixture(`data/${name}`));
      expect(difference(actual, expected).max, name).toBe(0);
    }
  });
});

describe('classify, transforms', () => {
  it('Resize keeps the aspect ratio and truncates the longer side', () => {
    const size = (height: number, width: number, resize = new Resize(256)) =>
      resize.outputSize([height, width]);
    expect(size(427, 640)).toEqual([256, 383]);
    expect(size(640, 427)).toEqual([383, 256]);
    expect(size(333, 500)).toEqual([256, 384]);
    expect(size(256, 999)).toEqual([256, 999]);
    expect(size(400, 1600, new Resize(256, { maxSize: 512 }))).toEqual([128, 512]);
    expect(size(400, 1600, new Resize([10, 20]))).toEqual([10, 20]);
  });

  it('Resize works on batches, other dtypes and non-contiguous images, and returns an image of its size', () => {
    const image = arange(2 * 3 * 8 * 6).view([2, 3, 8, 6]);
    const resize = new Resize([4, 3]);
    const small = resize.forward(image);
    expect(small.shape).toEqual([2, 3, 4, 3]);
    expect(resize.forward(image.to('int32')).dtype).toBe('int32');
    expect(resize.forward(image.to('float16')).dtype).toBe('float16');
    const turned = resize.forward(image.transpose(2, 3).contiguous().transpose(2, 3));
    expect(difference(small, turned).max).toBeLessThan(1e-4);
    expect(new Resize([8, 6]).forward(image)).toBe(image);
    for (const interpolation of ['nearest', 'nearest-exact', 'bicubic', 'bilinear'] as const) {
      const plain = new Resize([4, 3], { interpolation, antialias: false }).forward(image.index(0));
      expect(plain.shape.slice(-2)).toEqual([4, 3]);
    }
  });

  it('CenterCrop rounds halves to even and pads what is too small', () => {
    const top = (height: number, width: number, size: number) =>
      new CenterCrop(size).forward(positions(height, width)).narrow(1, 0, 1).narrow(2, 0, 1).item();
    expect(top(5, 5, 2)).toBe(2 * 5 + 2); // round(1.5) = 2
    expect(top(7, 7, 2)).toBe(2 * 7 + 2); // round(2.5) = 2
    const padded = new CenterCrop(4).forward(positions(1, 2).add(1));
    expect(padded.toArray()).toEqual([
      [
        [0, 0, 0, 0],
        [0, 1, 2, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
    ]);
  });

  it('ToTensor, ToDtype and Normalize follow torchvision', () => {
    const bytes = tensor([[[0, 51, 255]]], { dtype: 'uint8' });
    expect(new ToTensor().forward(bytes).toArray()).toEqual([[[0, Math.fround(0.2), 1]]]);
    const floats = new ToDtype('float32', { scale: true }).forward(bytes);
    expect(difference(floats, tensor([[[0, 0.2, 1]]])).max).toBeLessThan(1e-7);
    expect(new ToDtype('uint8', { scale: true }).forward(floats).toArray()).toEqual([[[0, 51, 255]]]);
    expect(new ToDtype('int16').forward(bytes).dtype).toBe('int16');
    expect(new Normalize([0.5], [0.25]).forward(floats).flatten().toArray()).toEqual([
      -2,
      expect.closeTo(-1.2),
      2,
    ]);
  });

  it("Grayscale gives Pillow's luma", () => {
    const pixels = tensor([[[255, 10]], [[255, 200]], [[255, 30]]], { dtype: 'uint8' });
    expect(new Grayscale().forward(pixels).toArray()).toEqual([[[255, 124]]]);
    expect(new Grayscale(3).forward(pixels).shape).toEqual([3, 1, 2]);
  });

  it('leaves no tensors behind but its result', () => {
    const image = zeros([3, 300, 400], { dtype: 'uint8' });
    const prepare = transforms.imagenetEval();
    const before = memoryStats().tensors;
    const result = prepare.forward(image);
    expect(memoryStats().tensors).toBe(before + 1);
    result.dispose();
    expect(image.disposed).toBe(false);
  });
});

describe('classify, random transforms draw as torchvision under a seed', () => {
  it('RandomResizedCrop picks the same boxes', () => {
    manualSeed(random.seed);
    const crop = new RandomResizedCrop(224);
    const boxes = random.resizedCrops.map(() => crop.box([427, 640]));
    expect(boxes).toEqual(random.resizedCrops);
    expect(crop.forward(zeros([3, 427, 640], { dtype: 'uint8' })).shape).toEqual([3, 224, 224]);
  });

  it('RandomHorizontalFlip flips at the same times', () => {
    manualSeed(random.seed);
    const image = tensor([[[1, 2]]]);
    const flip = new RandomHorizontalFlip();
    const flips = random.flips.map(() => flip.forward(image) !== image);
    expect(flips).toEqual(random.flips);
    expect(new RandomHorizontalFlip(1).forward(image).toArray()).toEqual([[[2, 1]]]);
  });

  it('RandomCrop takes the same windows', () => {
    manualSeed(random.seed);
    const image = positions(32, 32).add(1);
    const padded = ops.aten.constant_pad_nd(image, [4, 4, 4, 4], 0);
    for (const [top = 0, left = 0] of random.crops) {
      const window = new RandomCrop(32, { padding: 4 }).forward(image);
      expect(equal(window, padded.narrow(1, top, 32).narrow(2, left, 32))).toBe(true);
    }
  });

  it('RandomCrop pads small images when asked and refuses them otherwise', () => {
    const image = zeros([3, 20, 20]);
    expect(new RandomCrop(32, { padIfNeeded: true }).forward(image).shape).toEqual([3, 32, 32]);
    expect(() => new RandomCrop(32).forward(image)).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected an image of at least (32, 32) for RandomCrop, got (20, 20); set padding or padIfNeeded]`,
    );
  });
});

describe('classify, transforms print and complain', () => {
  it('prints as torchvision does', () => {
    expect(String(transforms.imagenetEval())).toBe(
      [
        'Compose(',
        '      Resize(size=[256], interpolation=InterpolationMode.BILINEAR, antialias=True)',
        '      CenterCrop(size=(224, 224))',
        '      ToTensor()',
        '      Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], inplace=False)',
        ')',
      ].join('\n'),
    );
    expect(String(new RandomHorizontalFlip())).toBe('RandomHorizontalFlip(p=0.5)');
    expect(String(new RandomCrop(32, { padding: 4 }))).toBe(
      'RandomCrop(size=(32, 32), padding=[4, 4, 4, 4], pad_if_needed=False, fill=0, padding_mode=constant)',
    );
    expect(String(new RandomResizedCrop(224))).toBe(
      'RandomResizedCrop(size=(224, 224), scale=(0.08, 1.0), ratio=(0.75, 1.3333333333333333), interpolation=InterpolationMode.BILINEAR, antialias=True)',
    );
  });

  it('says what it expected', () => {
    const attempts: (() => unknown)[] = [
      () => new Resize(0),
      () => new Resize(256, { maxSize: 200 }),
      () => new Resize(256, { interpolation: 'box' as never }),
      () => new Resize([1, 2, 3] as never),
      () => new Resize(8).forward(zeros([8, 8])),
      () => new Normalize([0.5], [0]),
      () => new Normalize([0.5], [1]).forward(zeros([1, 2, 2], { dtype: 'uint8' })),
      () => new RandomHorizontalFlip(2),
      () => new RandomResizedCrop(8, { scale: [1, 0.5] }),
      () => new RandomCrop(8, { padding: [1, 2, 3] as never }),
      () => new ToDtype('int32', { scale: true }).forward(zeros([1, 2, 2])),
      () => new Grayscale().forward(zeros([2, 2, 2])),
    ];
    const messages = attempts.map((attempt) => {
      try {
        return String(scope(attempt));
      } catch (error) {
        return `${error}`;
      }
    });
    expect(messages).toMatchInlineSnapshot(`
      [
        "RangeError: Expected a positive integer or [height, width] for Resize size, got 0",
        "RangeError: Expected more than the size 256 for Resize maxSize, got 200",
        "RangeError: Expected "bilinear", "bicubic", "nearest", "nearest-exact" or "lanczos" for Resize interpolation, got "box"",
        "RangeError: Expected a positive integer or [height, width] for Resize size, got [1, 2, 3]",
        "RangeError: Expected an image of shape (..., C, H, W) for Resize, got [8, 8]",
        "RangeError: Expected positive numbers for Normalize std, got [0]",
        "TypeError: Expected a floating point image for Normalize, got uint8; put ToTensor before it",
        "RangeError: Expected 0 to 1 for RandomHorizontalFlip p, got 2",
        "RangeError: Expected 0 < low <= high for RandomResizedCrop scale, got [1, 0.5]",
        "RangeError: Expected 1, 2 or 4 integers for RandomCrop padding, got [1, 2, 3]",
        "RangeError: Expected dtypes that can be scaled for toDtype, got float32 to int32; scale by hand",
        "TypeError: Expected an image of 1 or 3 channels for rgbToGrayscale, got [2, 2, 2]",
      ]
    `);
  });
});
