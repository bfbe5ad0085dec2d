import { afterEach, describe, expect, it } from 'vitest';
import * as transforms from '../../lib/data/transforms/index.ts';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { withRecorder } from '../../lib/ops/recorder.ts';
import { noGrad, ones, randn, scope, Tensor } from '../../lib/tensor/index.ts';
import { isOwnForward } from '../../lib/tensor/own-code.ts';

const { BasicBlock_IBN, createFeatureExtractor, ResNet_IBN, summary } = models;
const { Compose, Transform } = transforms;

/** Keeps all that its forward sees and makes. */
class Keeper extends nn.Module {
  kept: Tensor[] = [];
  conv: nn.Conv2d;
  constructor(channels: number) {
    super();
    this.conv = new nn.Conv2d(channels, channels, 1);
  }
  forward(x: Tensor): Tensor {
    const y = this.conv.forward(x);
    const z = y.mul(2);
    this.kept.push(x, y, z);
    return z;
  }
}

const alive = (tensors: Tensor[]) => tensors.map((tensor) => !tensor.disposed);
const OPTIONS = { widths: [4, 4, 4, 4], numClasses: 3 } as const;
const network = () => new ResNet_IBN(BasicBlock_IBN, [1, 1, 1, 1], OPTIONS);
const image = () => randn([2, 3, 64, 64]);

describe('what code of others can hold is not freed', () => {
  const keepers: Keeper[] = [];
  const keeper = (channels: number) => {
    keepers.push(new Keeper(channels));
    return keepers.at(-1) as Keeper;
  };
  afterEach(() => {
    keepers.length = 0;
  });

  it('by Sequential: input, output and what a module made', () => {
    const module = keeper(2);
    const model = new nn.Sequential(new nn.Conv2d(1, 2, 1), module, new nn.ReLU(), new nn.Conv2d(2, 1, 1));
    model.forward(ones([1, 1, 4, 4]));
    expect(alive(module.kept)).toEqual([true, true, true]);
  });

  it('however deep: an input of the Sequential around it too', () => {
    const module = keeper(2);
    const model = new nn.Sequential(
      new nn.Conv2d(1, 2, 1),
      new nn.Sequential(new nn.Sequential(module, new nn.ReLU()), new nn.Conv2d(2, 1, 1)),
    );
    model.forward(ones([1, 1, 4, 4]));
    expect(alive(module.kept)).toEqual([true, true, true]);
  });

  it('by a class that extends Sequential', () => {
    class Stages extends nn.Sequential {
      outputs: Tensor[] = [];
      override forward(x: Tensor): Tensor {
        for (const module of this) {
          x = module.forward(x);
          this.outputs.push(x);
        }
        return x;
      }
    }
    const model = new Stages(new nn.Conv2d(1, 2, 1), new nn.Conv2d(2, 2, 1), new nn.Conv2d(2, 1, 1));
    model.forward(ones([1, 1, 4, 4]));
    expect(alive(model.outputs)).toEqual([true, true, true]);
  });

  it('by a class that extends ResNet_IBN, beside super.forward()', () => {
    class Twice extends ResNet_IBN {
      feat: Tensor | undefined;
      stem: Tensor | undefined;
      override forward(x: Tensor): Tensor {
        this.stem = this.conv1.forward(x);
        this.feat = this.layer1.forward(this.maxpool.forward(this.stem));
        return super.forward(x).add(this.feat.mean());
      }
    }
    const model = new Twice(BasicBlock_IBN, [1, 1, 1, 1], { widths: [4, 4, 4, 4], numClasses: 3 });
    model.forward(image());
    expect(alive([model.feat as Tensor, model.stem as Tensor])).toEqual([true, true]);
  });

  it.each(['bn1', 'maxpool', 'layer2', 'avgpool'] as const)(
    "by a module in the place of a network's %s",
    (name) => {
      const model = network();
      const module = keeper(4);
      const before = model[name];
      model.registerModule(name, name === 'avgpool' ? new nn.Sequential(module, before) : module);
      model.forward(image());
      expect(alive(module.kept)).toEqual([true, true, true]);
    },
  );

  it.each(['conv2', 'bn2', 'downsample'])("by a module in the place of a block's %s", (name) => {
    const model = network();
    const module = keeper(4);
    const block = model.layer1.get(0);
    block.registerModule(name, module);
    model.forward(image());
    expect(alive(module.kept)).toEqual([true, true, true]);
  });

  it("by a forward that was put in the place of a layer's", () => {
    const model = network();
    const seen: Tensor[] = [];
    const forward = model.layer2.forward;
    model.layer2.forward = (x: Tensor) => {
      const y = forward(x);
      seen.push(x, y, y.mul(2));
      return y;
    };
    model.forward(image());
    expect(alive(seen)).toEqual([true, true, true]);
  });

  it('by hooks that compute', () => {
    const model = network();
    const seen: Tensor[] = [];
    model.layer1.registerForwardHook((_, inputs, output) => {
      seen.push(output, output.mean(), inputs[0]);
    });
    model.layer2.registerForwardPreHook((_, [x]) => {
      seen.push(x, x.mul(2));
    });
    model.forward(image());
    expect(alive(seen)).toEqual(seen.map(() => true));
  });

  it('by a list of auxiliary losses, which train afterwards', () => {
    const losses: Tensor[] = [];
    class Auxiliary extends nn.Module {
      head = new nn.Linear(4, 1);
      forward(x: Tensor): Tensor {
        losses.push(this.head.forward(x.mean([2, 3])).mean());
        return x;
      }
    }
    const auxiliary = new Auxiliary();
    const model = network();
    model.registerModule('maxpool', auxiliary);
    const loss = model
      .forward(image())
      .sum()
      .add(losses[0] as Tensor);
    loss.backward();
    expect(auxiliary.head.weight.grad?.shape).toEqual([1, 4]);
  });

  it('by a feature extractor, a summary and a chain of transforms', () => {
    const model = network();
    const module = keeper(4);
    model.registerModule('maxpool', module);
    createFeatureExtractor(model, ['layer1', 'layer3']).forward(image());
    summary(model, [2, 3, 64, 64]);
    class Note extends Transform {
      forward(x: Tensor): Tensor {
        const y = x.mul(2);
        module.kept.push(x, y);
        return y;
      }
    }
    new Compose([new Note(), new Note()]).forward(ones([3, 2, 2]));
    expect(alive(module.kept)).toEqual(module.kept.map(() => true));
  });

  it('but by the scope around the network, as all that is made in it', () => {
    const module = keeper(2);
    const model = new nn.Sequential(new nn.Conv2d(1, 2, 1), module, new nn.ReLU());
    const x = ones([1, 1, 4, 4]);
    scope(() => model.forward(x));
    expect(alive(module.kept)).toEqual([false, false, false]);
  });
});

describe('what nobody else can hold is freed at once', () => {
  /** How many of the tensors that ops make in one forward are alive after it. */
  const aliveAfter = (model: nn.Module, x: Tensor) => {
    const made = new Set<unknown>();
    const record = (_: unknown, __: unknown, result: unknown) => {
      for (const tensor of [result].flat()) made.add(tensor);
    };
    noGrad(() => withRecorder(record, () => model.eval().forward(x)));
    return [...made].filter((tensor) => tensor instanceof Tensor && !tensor.disposed).length;
  };

  it('in networks and in those that extend them', () => {
    class Same extends ResNet_IBN {
      override forward(x: Tensor): Tensor {
        return super.forward(x);
      }
    }
    const x = image();
    expect(aliveAfter(network(), x)).toBe(1);
    expect(aliveAfter(new Same(BasicBlock_IBN, [1, 1, 1, 1], OPTIONS), x)).toBe(1);
  });

  it('beside modules of others: three are theirs', () => {
    const mixed = network();
    const keeper = new Keeper(4);
    mixed.registerModule('maxpool', keeper);
    expect(aliveAfter(mixed, image())).toBe(1 + keeper.kept.length);
  });
});

describe('every layer of the package', () => {
  const classes = Object.entries({ ...nn, ...models, ...transforms }).filter(
    ([, value]) => typeof value === 'function' && typeof value.prototype?.forward === 'function',
  );

  it.each(classes)('counts as its own code: %s', (_, value) => {
    expect(isOwnForward((value as { prototype: { forward: object } }).prototype.forward)).toBe(true);
  });

  it('but not classes that override its forward', () => {
    class Own extends nn.ReLU {
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    class Same extends nn.ReLU {}
    expect([new Own().isOwnCode, new Same().isOwnCode]).toEqual([false, true]);
  });
});
