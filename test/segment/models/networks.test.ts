import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { save } from '../../../lib/checkpoint/index.ts';
import { compile } from '../../../lib/compile/index.ts';
import * as models from '../../../lib/models/index.ts';
import { Module } from '../../../lib/nn/index.ts';
import * as segment from '../../../lib/segment/index.ts';
import { manualSeed, noGrad, randn, scope, type Tensor } from '../../../lib/tensor/index.ts';
import { tmp } from '../../helpers/files.ts';
import { elements, relativeError } from '../../nn/numbers.ts';

const SMALL = { widths: [8, 16, 24, 32], numClasses: 5 } as const;

/** The class of each pixel. */
class Labelled extends Module {
  constructor(readonly model: segment.Segmenter) {
    super();
  }

  forward(x: Tensor): Tensor {
    return (this.model.forward(x) as Tensor).argmax(1);
  }
}

describe('compile', () => {
  it.each([
    'fcn/resnet18_ibn_b',
    'deeplabv3/resnet50_ibn_a',
    'deeplabv3plus/resnet50_ibn_b',
    'deeplabv3plus/se_resnet50_ibn_a',
  ])('runs %s without a step of libtorch, and gives its scores and labels', async (name) => {
    manualSeed(3);
    const model = segment.create(name, { ...SMALL, outputStride: 8 }).eval();
    const images = randn([2, 3, 72, 104]);
    const fast = await compile(model, { inputs: [[1, 3, 72, 104]] });
    const labelled = await compile(new Labelled(model).eval(), { inputs: [[1, 3, 72, 104]] });
    expect(String(fast.explain())).not.toContain('aten::');
    const scores = noGrad(() => model.forward(images)) as Tensor;
    expect(relativeError(elements((await fast.run(images)) as Tensor), elements(scores))).toBeLessThan(1e-5);
    const same = ((await labelled.run(images)) as Tensor).eq(scores.argmax(1)).to('float32').mean();
    expect(same.item()).toBeGreaterThan(0.9999);
    await Promise.all([fast.close(), labelled.close()]);
  });
});

describe('networks', () => {
  it('give scores of stage 3 too while they are trained, and none without that head', () => {
    const model = segment.create('fcn/resnet18', SMALL).train();
    const images = randn([2, 3, 40, 56]);
    const { out, aux } = model.forward(images) as segment.SegmenterOutputs;
    expect([out.shape, aux.shape]).toEqual([
      [2, 5, 40, 56],
      [2, 5, 40, 56],
    ]);
    segment.segmentLoss({ out, aux }, out.detach().argmax(1)).backward();
    expect([...model.parameters()].every(({ grad }) => grad !== null)).toBe(true);
    const plain = segment.create('fcn/resnet18', { ...SMALL, aux: false }).train();
    expect((plain.forward(images) as Tensor).shape).toEqual([2, 5, 40, 56]);
  });

  it('come back from their own checkpoints with their options', () => {
    const options = { ...SMALL, outputStride: 16, alignCorners: false, aux: false };
    const model = segment.create('fcn/resnet18_ibn_a', options).eval();
    const file = join(tmp(), 'run.pth');
    const args = { options };
    save(
      { arch: 'fcn/resnet18_ibn_a', args, classes: ['a', 'b', 'c', 'd', 'e'], state_dict: model.stateDict() },
      file,
    );
    const loaded = segment.load(file);
    expect(loaded.layout).toBe('ibn-net');
    expect(loaded.assumed).toEqual([]);
    expect(loaded.classes).toEqual(['a', 'b', 'c', 'd', 'e']);
    const images = randn([1, 3, 40, 56]);
    const [want, got] = noGrad(() =>
      scope(() => [model, loaded.model].map((one) => elements(one.forward(images) as Tensor))),
    );
    expect(got).toEqual(want);
  });

  it('take weights of ImageNet, and refuse those of another network', () => {
    const file = join(tmp(), 'imagenet.pth');
    save(models.resnet18_ibn_b().stateDict(), file);
    const model = segment.create('fcn/resnet18_ibn_b');
    expect(segment.loadBackbone(model, file)).toHaveLength(model.backbone.stateDict().size);
    expect(() => segment.loadBackbone(segment.create('fcn/resnet18_ibn_a'), file)).toThrow(/Missing key/);
    expect(() => segment.load(file)).toThrow(
      'it looks like the classification network resnet18_ibn_b; begin training with it by segment.loadBackbone',
    );
  });

  it('dilate whole stages on request, and else as torchvision does', () => {
    const dilations = (dilateFirst: boolean) => {
      const { layer3, layer4 } = new segment.SegmentBackbone('resnet50', { outputStride: 8, dilateFirst });
      return [layer3, layer4].map((stage) =>
        stage.children().map((block) => (block as models.Bottleneck_IBN).conv2.dilation[0]),
      );
    };
    expect(dilations(true)).toEqual([Array(6).fill(2), Array(3).fill(4)]);
    expect(dilations(false)).toEqual([
      [1, 2, 2, 2, 2, 2],
      [2, 4, 4],
    ]);
  });
});

describe('bad input', () => {
  it.each([
    [() => segment.create('fcn/resnet50_ibn_c')],
    [() => segment.create('unet/resnet50')],
    [() => segment.create('fcn/resnet50', { numClasses: 0 })],
    [() => segment.create('fcn/resnet50', { outputStride: 4 })],
    [() => segment.create('fcn/resnet50', { stride: 8 } as object)],
    [() => new segment.SegmentBackbone('resnet20')],
    [() => segment.loadBackbone(models.resnet18_ibn_a() as never, 'x.pth')],
  ])('is refused (%#)', (attempt) => {
    expect(attempt).toThrowErrorMatchingSnapshot();
  });
});
