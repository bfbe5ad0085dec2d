import { beforeEach, describe, expect, it } from 'vitest';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { linspace, manualSeed, noGrad, randn, setNumThreads, type Tensor } from '../../lib/tensor/index.ts';
import { message } from '../nn/messages.ts';
import { elements, expectClose, type Numbers, relativeError } from '../nn/numbers.ts';
import { norm, zipped } from './reference.ts';

type Placement = models.IBNPlacement;

interface Case {
  variant: Placement;
  expansion: number;
  ratio: number;
  keys: string[];
  output: Numbers;
  evaluated: Numbers;
  input_grad: Numbers;
  grad_norm: Record<string, number>;
}

const CASES = zipped<Case[]>('variants');
const PLACEMENTS: Placement[] = [null, 'a', 'b', 'c', 'd', 'ad', 'aa'];
const SMALL = { widths: [4, 8, 16, 32], numClasses: 5 } as const;
const GROUPED = { ...SMALL, cardinality: 4, baseWidth: 16 } as const;

beforeEach(() => setNumThreads(1));

function blockOf({ variant, expansion, ratio }: Case): models.BasicBlock_IBN | models.Bottleneck_IBN {
  manualSeed(0);
  const out = 4 * expansion;
  const downsample = new nn.Sequential(new nn.Conv2d(3, out, 1, { bias: false }), new nn.BatchNorm2d(out));
  const Block = expansion === 1 ? models.BasicBlock_IBN : models.Bottleneck_IBN;
  const block = new Block(3, 4, { ibn: variant, ratio, downsample });
  for (const parameter of block.parameters()) {
    if (parameter.dim() === 1) noGrad(() => parameter.copy_(linspace(0.5, 1.5, parameter.numel())));
  }
  return block;
}

const total = (model: nn.Module): number => model.parameters().reduce((sum, p) => sum + p.numel(), 0);

describe("the paper's variants", () => {
  it.each(CASES.map((item) => [`${item.variant} x${item.expansion} at ${item.ratio}`, item] as const))(
    'block %s: outputs and gradients as in PyTorch',
    (_, item) => {
      const block = blockOf(item);
      manualSeed(1);
      const x = randn([2, 3, 4, 3]).requiresGrad_();
      const y = block.forward(x);
      y.mul(randn(y.shape)).sum().backward();
      expect([...block.stateDict().keys()].sort()).toEqual(item.keys);
      expectClose(y, item.output, 1e-5);
      expectClose(x.grad as Tensor, item.input_grad, 1e-5);
      for (const [key, parameter] of block.namedParameters()) {
        const want = item.grad_norm[key] as number;
        expect(Math.abs(norm(parameter.grad as Tensor) - want), key).toBeLessThan(1e-5 * Math.max(1, want));
      }
      expectClose(
        noGrad(() => block.eval().forward(x)),
        item.evaluated,
        1e-5,
      );
    },
  );

  it.each(PLACEMENTS)('%s in every stage trains without NaN', (placement) => {
    const ibnCfg = [placement, placement, placement, placement] as const;
    for (const model of [
      models.resnet18_ibn_a({ ...SMALL, ibnCfg }),
      models.resnet50_ibn_a({ ...SMALL, ibnCfg }),
      models.se_resnet50_ibn_a({ ...SMALL, ibnCfg }),
      models.resnext50_ibn_a({ ...GROUPED, ibnCfg }),
    ]) {
      const y = model.forward(randn([2, 3, 64, 64]));
      y.square().sum().backward();
      const gradients = model.parameters().map((p) => norm(p.grad as Tensor));
      expect(y.shape).toEqual([2, 5]);
      expect([norm(y), ...gradients].every(Number.isFinite)).toBe(true);
    }
  });

  it('keep the plain count of parameters in a and aa; c has more', () => {
    const plain = total(nn.utils.skipInit(() => models.resnet50()));
    const counts = PLACEMENTS.map((ibn) => [
      ibn,
      total(nn.utils.skipInit(() => models.resnet50_ibn_a({ ibnCfg: [ibn, ibn, ibn, null] }))) - plain,
    ]);
    expect(plain).toBe(25_557_032);
    // c: the 3x3 convolutions take twice the channels, and there is an IN beside each BN; b, d: the IN's own.
    const convolutions = 9 * (3 * 64 ** 2 + 4 * 128 ** 2 + 6 * 256 ** 2);
    expect(Object.fromEntries(counts)).toEqual({
      null: 0,
      a: 0,
      b: 2 * (256 + 512 + 1024),
      c: convolutions + 2 * (3 * 64 + 4 * 128 + 6 * 256),
      d: 3 * 256 + 4 * 512 + 6 * 1024,
      ad: 3 * 256 + 4 * 512 + 6 * 1024,
      aa: 0,
    });
  });

  it('take every ratio, the ends included', () => {
    const placed = (ratio: number, ibn: Placement) =>
      models.resnet18({ ...SMALL, ratio, ibnCfg: [ibn, null, null, null] });
    const keys = (ratio: number, ibn: Placement) =>
      [...placed(ratio, ibn).stateDict()]
        .filter(([key]) => /^layer1\.0\.(bn1|IN)/.test(key) && key.endsWith('weight'))
        .map(([key, { shape }]) => `${key} ${shape}`);
    expect([0, 0.25, 0.75, 1].map((ratio) => keys(ratio, 'ad'))).toMatchInlineSnapshot(`
      [
        [
          "layer1.0.bn1.BN.weight 4",
        ],
        [
          "layer1.0.bn1.IN.weight 1",
          "layer1.0.bn1.BN.weight 3",
          "layer1.0.IN.weight 1",
        ],
        [
          "layer1.0.bn1.IN.weight 3",
          "layer1.0.bn1.BN.weight 1",
          "layer1.0.IN.weight 3",
        ],
        [
          "layer1.0.bn1.IN.weight 4",
          "layer1.0.IN.weight 4",
        ],
      ]
    `);
    for (const ratio of [0, 0.25, 0.75, 1]) {
      expect(norm(placed(ratio, 'ad').forward(randn([2, 3, 64, 64])))).toBeGreaterThan(0);
    }
    expect(message(() => placed(1.5, 'd'))).toMatchInlineSnapshot(
      `"RangeError: Expected a ratio from 0 to 1 for IBN_d, got 1.5"`,
    );
  });

  it('keep the placements on the model', () => {
    expect(models.resnet18_ibn_b(SMALL).ibnCfg).toEqual(['b', 'b', null, null]);
    expect(models.resnext50_ibn_a({ ...GROUPED, ibnCfg: ['d', null, null, null] }).ibnCfg[0]).toBe('d');
  });
});

/** As `fill` in scripts/fixtures/models.py: weights that do not depend on the order in which modules are made. */
function fillByKey(model: nn.Module): void {
  manualSeed(0);
  noGrad(() => {
    for (const [key, tensor] of [...model.stateDict()].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (tensor.dim() === 0) continue;
      const values = randn([...tensor.shape]);
      if (tensor.dim() > 1) values.mul_((2 / (tensor.numel() / (tensor.shape[0] as number))) ** 0.5);
      else if (key.endsWith('running_var')) values.abs_().mul_(0.1).add_(1);
      else values.mul_(0.1).add_(key.endsWith('weight') ? 1 : 0);
      tensor.copy_(values);
    }
  });
}

describe('lastStride', () => {
  interface Wanted {
    shape: number[];
    map_norm: number;
    logits_first16: number[][];
  }
  const expectFigures = (model: models.ResNet_IBN, want: Wanted): void => {
    manualSeed(1);
    const x = randn([2, 3, 64, 32]);
    const { layer4 } = noGrad(() => models.createFeatureExtractor(model, ['layer4']).forward(x));
    const logits: Tensor = noGrad(() => model.forward(x));
    expect(layer4.shape).toEqual(want.shape);
    expect(Math.abs(norm(layer4) / want.map_norm - 1)).toBeLessThan(1e-5);
    expect(relativeError(elements(logits.narrow(1, 0, 16)), want.logits_first16.flat())).toBeLessThan(1e-5);
  };

  const figures = zipped<Record<string, Wanted>>('last-stride');

  it.each(Object.keys(figures) as ('resnet18' | 'resnet50' | 'resnext50_32x4d')[])(
    '1 gives the last map of %s that PyTorch gives with stage 4 at stride 1',
    (name) => {
      const want = figures[name] as Wanted;
      manualSeed(0);
      const model = models.getModel(name, { lastStride: 1 }).eval();
      expectFigures(model, want);
    },
  );

  const kinds = zipped<Record<string, Wanted>>('last-stride-kinds');

  it.each(Object.keys(kinds) as 'resnet50_ibn_a'[])(
    '1 gives the last map of %s that PyTorch gives, weights filled by key',
    (name) => {
      const want = kinds[name] as Wanted;
      const model = models.getModel(name, { lastStride: 1 }).eval();
      fillByKey(model);
      expectFigures(model, want);
    },
  );

  it('1 gives every kind of ResNet a last map of twice the size, under the same keys and weights', () => {
    const kinds = {
      resnet18_ibn_a: SMALL,
      resnet50_ibn_b: SMALL,
      resnext50_ibn_a: GROUPED,
      se_resnet50_ibn_a: SMALL,
      se_resnet50: SMALL,
      resnet18: { ...SMALL, stem: 'small' },
    } as const;
    for (const [name, options] of Object.entries(kinds)) {
      const build = (lastStride: 1 | 2) => {
        manualSeed(0);
        return models.getModel(name as 'resnet18', { ...options, lastStride } as models.EntryOptions);
      };
      const [wide, usual] = [build(1), build(2)];
      const mapOf = (model: models.ResNet_IBN) =>
        noGrad(() => models.createFeatureExtractor(model, ['layer4']).forward(randn([1, 3, 64, 96]))).layer4;
      const [, , height, width] = mapOf(usual).shape as [number, number, number, number];
      expect(mapOf(wide).shape.slice(2), name).toEqual([2 * height, 2 * width]);
      const reduction = (model: models.ResNet_IBN) => model.featureInfo.at(-1)?.reduction as number;
      expect(reduction(wide), name).toBe(reduction(usual) / 2);
      expect([...wide.stateDict().keys()]).toEqual([...usual.stateDict().keys()]);
      expect(elements(wide.fc.weight)).toEqual(elements(usual.fc.weight));
    }
  });

  it('dilates nothing, and goes with a dilated stage 3', () => {
    const model = models.resnet50({
      ...SMALL,
      lastStride: 1,
      replaceStrideWithDilation: [false, true, false],
    });
    expect(model.featureInfo.map(({ reduction }) => reduction)).toEqual([2, 4, 8, 8, 8]);
    const plain = models.resnet50_ibn_a({ ...SMALL, lastStride: 1 });
    expect(plain.modules().every((m) => !(m instanceof nn.Conv2d) || m.dilation[0] === 1)).toBe(true);
  });

  it('refuses what makes no sense', () => {
    const refusal = (options: object) => message(() => models.resnet18(options as never));
    expect(refusal({ lastStride: 3 })).toMatchInlineSnapshot(
      `"RangeError: Expected lastStride 1 or 2 for ResNet_IBN, got 3"`,
    );
    expect(refusal({ lastStride: '1' })).toMatchInlineSnapshot(
      `"RangeError: Expected lastStride 1 or 2 for ResNet_IBN, got "1""`,
    );
    expect(refusal({ lastStride: 1, outputStride: 16 })).toMatchInlineSnapshot(
      `"RangeError: Expected either lastStride 1 or outputStride for ResNet_IBN, got both"`,
    );
    expect(refusal({ lastStride: 1, replaceStrideWithDilation: [false, false, true] })).toMatchInlineSnapshot(
      `"RangeError: Expected either lastStride 1 or replaceStrideWithDilation of stage 4 for ResNet_IBN, got both"`,
    );
    expect(refusal({ last_stride: 1 })).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for resnet18, got "last_stride"; did you mean lastStride?"`,
    );
  });
});

describe('dilation', () => {
  const mapOf = (model: models.ResNet_IBN | models.ResNeXt_IBN, name = 'layer4') =>
    noGrad(() => models.createFeatureExtractor(model, [name]).forward(randn([1, 3, 64, 96]))[name]?.shape);
  const dilations = (model: nn.Module) =>
    model
      .modules()
      .filter((m) => m instanceof nn.Conv2d && m.dilation[0] > 1)
      .map((m) => (m as nn.Conv2d).dilation[0]);

  it.each([
    [32, [2, 3], []],
    [16, [4, 6], [2, 2]],
    [8, [8, 12], [2, 2, 2, 2, 2, 2, 4, 4]],
  ])('outputStride %i', (outputStride, size, expected) => {
    const model = models.resnet50_ibn_a({ ...SMALL, outputStride });
    expect(mapOf(model)).toEqual([1, 128, ...size]);
    // As in torchvision the first block of a stage keeps the dilation of the stage before.
    expect(dilations(model)).toEqual(expected.length === 8 ? [...Array(5).fill(2), 2, 4, 4] : expected);
    expect(model.featureInfo.at(-1)).toEqual({ name: 'layer4', channels: 128, reduction: outputStride });
    expect(mapOf(models.resnet18_ibn_b({ ...SMALL, outputStride }))).toEqual([1, 32, ...size]);
    expect(mapOf(models.resnext50_ibn_a({ ...GROUPED, outputStride }))).toEqual([1, 128, ...size]);
    expect(mapOf(models.se_resnet50_ibn_a({ ...SMALL, outputStride }))).toEqual([1, 128, ...size]);
  });

  it('replaceStrideWithDilation, stage by stage', () => {
    const model = models.resnet50({ ...SMALL, replaceStrideWithDilation: [true, false, true] });
    expect(mapOf(model)).toEqual([1, 128, 8, 12]);
    expect(model.featureInfo.map(({ reduction }) => reduction)).toEqual([2, 4, 4, 8, 8]);
  });

  it('of the small stem', () => {
    const model = models.resnet18({ ...SMALL, stem: 'small', outputStride: 4 });
    expect(mapOf(model)).toEqual([1, 32, 16, 24]);
    expect(model.featureInfo.map(({ reduction }) => reduction)).toEqual([1, 1, 2, 4, 4]);
  });

  it('has the same keys and weights as striding', () => {
    const build = (outputStride: number) => {
      manualSeed(0);
      return models.resnet18({ ...SMALL, outputStride });
    };
    const [dilated, strided] = [build(8), build(32)];
    expect([...dilated.stateDict().keys()]).toEqual([...strided.stateDict().keys()]);
    expect(elements(dilated.fc.weight)).toEqual(elements(strided.fc.weight));
  });

  it('refuses what makes no sense', () => {
    expect(message(() => models.resnet18({ outputStride: 4 }))).toMatchInlineSnapshot(
      `"RangeError: Expected outputStride 32, 16, 8 for ResNet_IBN, got 4"`,
    );
    expect(
      message(() => models.resnet18({ outputStride: 8, replaceStrideWithDilation: [false, false, true] })),
    ).toMatchInlineSnapshot(
      `"RangeError: Expected either replaceStrideWithDilation or outputStride for ResNet_IBN, got both"`,
    );
    expect(
      message(() => models.resnet18({ replaceStrideWithDilation: [true] as never })),
    ).toMatchInlineSnapshot(`"RangeError: Expected 3 booleans for replaceStrideWithDilation, got 1"`);
    expect(message(() => models.resnet18({ groups: 2 }))).toMatchInlineSnapshot(
      `"RangeError: Expected groups 1 and baseWidth 64 for BasicBlock_IBN, got 2 and 64"`,
    );
    expect(message(() => models.resnet50({ ibnCfg: ['a', 'a'] as never }))).toMatchInlineSnapshot(
      `"RangeError: Expected 4 placements for ibnCfg, got 2"`,
    );
  });
});
