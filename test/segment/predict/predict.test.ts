import { describe, expect, it } from 'vitest';
import { Conv2d, Module } from '../../../lib/nn/index.ts';
import * as segment from '../../../lib/segment/index.ts';
import { windowStarts } from '../../../lib/segment/predict/windows.ts';
import { manualSeed, noGrad, randn, scope, type Tensor, tensor, zeros } from '../../../lib/tensor/index.ts';

/** Scores that depend on a pixel alone: windows and mirror images change nothing. */
class Pixelwise extends Module {
  conv = new Conv2d(3, 5, 1);
  forward(x: Tensor): Tensor {
    return this.conv.forward(x) as Tensor;
  }
}

/** Scores that depend on the neighbours too. */
class Neighbours extends Module {
  conv = new Conv2d(3, 4, 3, { padding: 1 });
  forward(x: Tensor): Tensor {
    return this.conv.forward(x) as Tensor;
  }
}

function make<M extends Module>(build: () => M): M {
  manualSeed(1);
  return build().eval();
}

describe('predict', () => {
  it('gives the same labels whole, by windows and with mirror images where pixels stand alone', async () => {
    const model = make(() => new Pixelwise());
    const images = randn([2, 3, 37, 50]);
    const whole = await segment.predict(model, images);
    expect(whole.equal(noGrad(() => (model.forward(images) as Tensor).argmax(1)))).toBe(true);
    for (const options of [
      { window: [16, 20] },
      { window: [16, 20], stride: [16, 1] },
      { window: [64, 64] },
      { flip: true },
      { flip: true, window: [37, 20] },
    ] as segment.PredictOptions[])
      expect((await segment.predict(model, images, options)).equal(whole)).toBe(true);
  });

  it('averages probabilities over scales and mirror images', async () => {
    const model = make(() => new Neighbours());
    const images = randn([1, 3, 24, 30]);
    const want = noGrad(() =>
      scope(() => {
        const parts = [0.5, 1, 1.5].flatMap((scale) => {
          const size = [Math.round(24 * scale), Math.round(30 * scale)];
          const resized = images.upsampleBilinear2d(size, true);
          return [resized, resized.flip([3])].map((input, i) => {
            const shares = (model.forward(input) as Tensor).softmax(1);
            return (i === 1 ? shares.flip([3]) : shares).upsampleBilinear2d([24, 30], true);
          });
        });
        return parts.reduce((sum, part) => sum.add(part)).argmax(1);
      }),
    );
    const got = await segment.predict(model, images, { scales: [0.5, 1, 1.5], flip: true });
    expect(got.equal(want)).toBe(true);
  });

  it('covers every pixel with windows, the last ones at the ends', () => {
    expect(windowStarts(10, 4, 3)).toEqual([0, 3, 6]);
    expect(windowStarts(11, 4, 3)).toEqual([0, 3, 6, 7]);
    expect(windowStarts(4, 4, 3)).toEqual([0]);
    expect(windowStarts(5, 4, 4)).toEqual([0, 1]);
  });

  it.each([
    [() => segment.predict(make(() => new Pixelwise()).train(), zeros([1, 3, 4, 4]))],
    [
      () =>
        segment.predict(
          make(() => new Pixelwise()),
          zeros([3, 4, 4]),
        ),
    ],
    [
      () =>
        segment.predict(
          make(() => new Pixelwise()),
          zeros([1, 3, 4, 4]),
          { scales: [0] },
        ),
    ],
    [
      () =>
        segment.predict(
          make(() => new Pixelwise()),
          zeros([1, 3, 4, 4]),
          { stride: [2, 2] },
        ),
    ],
    [
      () =>
        segment.predict(
          make(() => new Pixelwise()),
          zeros([1, 3, 4, 4]),
          { window: [2, 2], stride: [3, 2] },
        ),
    ],
    [() => segment.predict({} as never, zeros([1, 3, 4, 4]))],
  ])('refuses bad input (%#)', async (attempt) => {
    await expect(attempt()).rejects.toThrowErrorMatchingSnapshot();
  });
});

describe('colours', () => {
  it('show labels, black where they are no class', () => {
    const labels = tensor([[0, 13, 255]], { dtype: 'int64' });
    const image = segment.colourMap(labels, segment.CITYSCAPES_COLOURS);
    expect(image.permute([1, 2, 0]).toArray()).toEqual([
      [
        [128, 64, 128],
        [0, 0, 142],
        [0, 0, 0],
      ],
    ]);
    const over = segment.overlay(zeros([3, 1, 3], { dtype: 'uint8' }), image, 0.25);
    expect(over.permute([1, 2, 0]).toArray()).toEqual([
      [
        [32, 16, 32],
        [0, 0, 36],
        [0, 0, 0],
      ],
    ]);
  });

  it('of classes are all different', () => {
    const colours = segment.classColours(255).map((colour) => colour.join());
    expect(new Set(colours).size).toBe(255);
    expect(colours.slice(0, 3)).toEqual(['128,0,0', '0,128,0', '128,128,0']);
  });
});
