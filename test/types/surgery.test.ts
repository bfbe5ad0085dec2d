// The compiler is the first half of the test: a call that is rejected fails `npm run typecheck`.
import { describe, expect, it } from 'vitest';
import { grad, load, models, nn, type Tensor, tensor, zeros } from '../../lib/index.ts';
import { withFusedNorms } from '../../lib/nn/ibn-ops.ts';

/** Compiled, never run. */
const compiles = (_: () => void): void => {};

const small = () =>
  new models.ResNet_IBN(models.BasicBlock_IBN, [1, 1, 1, 1], {
    stem: 'small',
    widths: [4, 4, 8, 8],
    numClasses: 3,
  });

describe('types', () => {
  it('take options in the last place, as the calls do', () => {
    const x = tensor([
      [3, 1, 2],
      [6, 5, 4],
    ]);
    const [sorted] = x.sort(1, { descending: true });
    const [least] = x.topk(1, 1, { largest: false });
    expect(sorted.toArray()).toEqual([
      [3, 2, 1],
      [6, 5, 4],
    ]);
    expect(least.toArray()).toEqual([[1], [4]]);
    expect(x.argmax(1, { keepdim: true }).toArray()).toEqual([[0], [0]]);
    expect(x.clamp(2, { max: 5 }).toArray()).toEqual([
      [3, 2, 2],
      [5, 5, 4],
    ]);
    const dims: readonly number[] = [1];
    expect(x.sum(dims, { dtype: undefined }).toArray()).toEqual([6, 15]);
  });

  it('let a head, a stem and a block be replaced by any module', () => {
    const model = small();
    const { inFeatures } = model.fc;
    model.fc = new nn.Identity();
    model.maxpool = new nn.MaxPool2d(2);
    model.relu = new nn.Sigmoid();
    model.eval();
    expect(model.forward(zeros([1, 3, 32, 32])).shape).toEqual([1, inFeatures]);
    expect(model.namedChildren().map(([name]) => name)).toEqual([
      ...['conv1', 'bn1', 'relu', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4', 'avgpool', 'fc'],
    ]);
    compiles(() => {
      models.densenet121_ibn_a().classifier = new nn.Identity();
      new models.BasicBlock_IBN(4, 4).relu = new nn.Identity();
    });
  });

  it('keep a replaced activation out of the fused op', () => {
    const model = small().eval();
    model.relu = new nn.Sigmoid();
    const x = zeros([1, 3, 8, 8]).add(0.5);
    const apart = model.forward(x) as Tensor;
    const fused = withFusedNorms('always', () => model.forward(x)) as Tensor;
    expect(fused.sub(apart).abs().max().item()).toBeLessThan(1e-5);
  });

  it('tell what load gives by what is expected of it', () => {
    compiles(() => {
      // @ts-expect-error nothing is known of a file
      load('x.pth').get('weight');
      load<Map<string, Tensor>>('x.pth').get('weight')?.shape;
      small().loadStateDict(load('x.pth'));
    });
  });

  it('take one tensor or a list for grad', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const [one] = grad(x.mul(x).sum(), [x]);
    expect(one.toArray()).toEqual([2, 4]);
    const [alone] = grad([x.mul(3)], x, { gradOutputs: tensor([1, 1]) });
    expect(alone.toArray()).toEqual([3, 3]);
    const [unused] = grad(x.sum(), [zeros([1]).requiresGrad_()], { allowUnused: true });
    expect(unused).toBeNull();
    // @ts-expect-error no number has a gradient
    expect(() => grad(x.sum(), 3)).toThrow(
      'Expected a Tensor or an array of them for grad argument "inputs", got 3',
    );
  });
});
