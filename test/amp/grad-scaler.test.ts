import { describe, expect, it } from 'vitest';
import {
  autocast,
  cuda,
  GradScaler,
  load,
  memoryStats,
  nn,
  ones,
  optim,
  randn,
  save,
  scope,
  type Tensor,
  tensor,
} from '../../lib/index.ts';
import {
  collectGarbage,
  errorOf,
  expectClose,
  fixture,
  itOnCuda,
  message,
  type Numbers,
  tmp,
  toTensor,
  withScope,
} from '../helpers/index.ts';

interface Step {
  grads?: Record<string, Numbers>;
  state: Record<string, number>;
  weights: Record<string, Numbers>;
}

interface Run {
  options: { lr: number; momentum?: number; dampening?: number; weight_decay?: number };
  fused: boolean;
  overflows: number[];
  extra: '' | 'unscale' | 'accumulate' | 'new scale';
  start: Record<string, Numbers>;
  data: Numbers[];
  steps: Step[];
}

const { runs } = fixture<{ runs: Record<string, Run> }>('amp/scaler.json');
const SCALER = { initScale: 1024, growthFactor: 4, backoffFactor: 0.25, growthInterval: 2 };

type Place = 'cpu' | 'cuda';
/** The device adds up in another order. */
const TOLERANCES = { cpu: { rtol: 1e-5, atol: 1e-6 }, cuda: { rtol: 1e-4, atol: 1e-5 } };

/** SGD that looks at nothing: the scaler must leave its step out. */
class PlainSGD extends optim.SGD {
  override get stepSupportsAmpScaling(): boolean {
    return false;
  }
}

function network(start: Record<string, Numbers>, device = 'cpu'): nn.Sequential {
  const model = new nn.Sequential(new nn.Linear(5, 4), new nn.ReLU(), new nn.Linear(4, 3));
  model.loadStateDict(new Map(Object.entries(start).map(([key, value]) => [key, toTensor(value)])));
  return model.to(device);
}

function makeOptimizer(model: nn.Module, run: Run, Optimizer: typeof optim.SGD): optim.SGD {
  const { weight_decay: weightDecay = 0, ...rest } = run.options;
  return new Optimizer(model.parameters(), { ...rest, weightDecay });
}

function backward(model: nn.Sequential, scaler: GradScaler, run: Run, index: number, device: string): void {
  const x = toTensor(run.data[index] as Numbers).to(device);
  const parts = run.extra === 'accumulate' ? x.chunk(2) : [x];
  for (const part of parts) {
    const input = run.overflows.includes(index) ? part.mul(1e38) : part;
    scaler.scale(model.forward(input).pow(2).mean() as Tensor).backward();
  }
}

function expectGrads(model: nn.Sequential, grads: Record<string, Numbers>, device: Place): void {
  for (const [name, parameter] of model.namedParameters()) {
    expectClose((parameter.grad as Tensor).cpu(), grads[name] as Numbers, TOLERANCES[device]);
  }
}

function expectWeights(model: nn.Sequential, weights: Record<string, Numbers>, device: Place): void {
  for (const [key, value] of model.stateDict()) {
    expectClose(value.cpu(), weights[key] as Numbers, TOLERANCES[device]);
  }
}

function train(run: Run, Optimizer: typeof optim.SGD, device: Place = 'cpu'): void {
  const model = network(run.start, device);
  const optimizer = makeOptimizer(model, run, Optimizer);
  const scaler = new GradScaler(device, SCALER);
  for (const [index, expected] of run.steps.entries()) {
    optimizer.zeroGrad();
    backward(model, scaler, run, index, device);
    if (expected.grads !== undefined) {
      scaler.unscale_(optimizer);
      expectGrads(model, expected.grads, device);
    }
    scaler.step(optimizer);
    scaler.update(run.extra === 'new scale' && index === 4 ? 512 : undefined);
    expect({ index, ...scaler.stateDict() }).toEqual({ index, ...expected.state });
    expectWeights(model, expected.weights, device);
  }
}

describe('GradScaler on the CPU', () => {
  it.each(Object.keys(runs))('scales, skips and steps as torch: %s', (name) => {
    scope(() => train(runs[name] as Run, optim.SGD));
  });

  it.each(Object.keys(runs))('does the same for an optimizer that cannot skip by itself: %s', (name) => {
    scope(() => train(runs[name] as Run, PlainSGD));
  });

  it(
    'makes no momentum in a step that it leaves out',
    withScope(() => {
      const weight = ones([2], { requiresGrad: true });
      const optimizer = new optim.SGD([weight], { lr: 1, momentum: 0.9 });
      const scaler = new GradScaler('cpu');
      weight.grad = tensor([1, Number.POSITIVE_INFINITY]);
      scaler.scale(ones([]));
      scaler.step(optimizer);
      expect([optimizer.state.size, weight.toArray()]).toEqual([0, [1, 1]]);
      scaler.update();
      expect([scaler.getScale(), optimizer.gradScale, optimizer.foundInf]).toEqual([32768, null, null]);
    }),
  );

  it(
    'leaves all optimizers of an iteration to themselves: one skips, the other steps',
    withScope(() => {
      const weights = [ones([2], { requiresGrad: true }), ones([2], { requiresGrad: true })];
      const optimizers = weights.map((weight) => new optim.SGD([weight], { lr: 1 }));
      const scaler = new GradScaler('cpu', { initScale: 4 });
      scaler.scale([ones([]), [ones([])]]);
      for (const [i, weight] of weights.entries()) weight.grad = tensor([4, i === 0 ? 8 : Number.NaN]);
      for (const optimizer of optimizers) scaler.step(optimizer);
      expect(weights.map((weight) => weight.toArray())).toEqual([
        [0, -1],
        [1, 1],
      ]);
      scaler.update();
      expect(scaler.getScale()).toBe(2);
    }),
  );

  it(
    'scales arrays of outputs, and keeps their form',
    withScope(() => {
      const scaler = new GradScaler('cpu', { initScale: 8 });
      const [one, [two]] = scaler.scale([ones([]), [ones([2])]] as [Tensor, [Tensor]]);
      expect([one.item(), two.toArray()]).toEqual([8, [8, 8]]);
      const off = new GradScaler('cpu', { enabled: false });
      expect(off.scale(one)).toBe(one);
    }),
  );

  it(
    'does nothing when it is not enabled, but step',
    withScope(() => {
      const weight = ones([1], { requiresGrad: true });
      const optimizer = new optim.SGD([weight], { lr: 1 });
      weight.grad = ones([1]);
      const scaler = new GradScaler('cuda', { enabled: false });
      scaler.unscale_(optimizer);
      scaler.step(optimizer);
      scaler.update();
      expect([weight.item(), scaler.getScale(), scaler.stateDict(), scaler.isEnabled()]).toEqual([
        0,
        1,
        {},
        false,
      ]);
    }),
  );

  it('goes on from a state, written by torch or here', () => {
    const run = runs.default as Run;
    const file = `${tmp()}/scaler.pt`;
    scope(() => {
      const scaler = new GradScaler('cpu');
      scaler.loadStateDict((run.steps[3] as Step).state);
      expect(scaler.stateDict()).toEqual((run.steps[3] as Step).state);
      scaler.scale(ones([]));
      save({ scaler: scaler.stateDict() }, file);
      const other = new GradScaler('cpu', { initScale: 2 });
      other.scale(ones([])); // its tensors exist already
      other.loadStateDict(load<{ scaler: object }>(file).scaler);
      expect(other.stateDict()).toEqual(scaler.stateDict());
      other.loadStateDict(new Map(Object.entries(scaler.stateDict())));
      expect(other.getScale()).toBe(1024);
    });
  });

  it('has setters for its factors', () => {
    const scaler = new GradScaler('cpu');
    expect([scaler.getGrowthFactor(), scaler.getBackoffFactor(), scaler.getGrowthInterval()]).toEqual([
      2, 0.5, 2000,
    ]);
    scaler.setGrowthFactor(3);
    scaler.setBackoffFactor(0.1);
    scaler.setGrowthInterval(7);
    expect([scaler.getGrowthFactor(), scaler.getBackoffFactor(), scaler.getGrowthInterval()]).toEqual([
      3, 0.1, 7,
    ]);
  });

  it(
    'takes a new scale as a tensor',
    withScope(() => {
      const scaler = new GradScaler('cpu');
      scaler.scale(ones([]));
      scaler.update(tensor([[32]]));
      expect(scaler.getScale()).toBe(32);
    }),
  );

  it('leaves no tensors behind', async () => {
    await collectGarbage();
    const scaler = new GradScaler('cpu');
    const model = new nn.Linear(3, 2);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    const step = () =>
      scope(() => {
        optimizer.zeroGrad();
        const loss = autocast(
          'cpu',
          () =>
            model
              .forward(randn([4, 3]))
              .pow(2)
              .mean() as Tensor,
        );
        scaler.scale(loss).backward();
        scaler.step(optimizer);
        scaler.update();
      });
    step();
    const { tensors } = memoryStats();
    for (let i = 0; i < 20; i++) step();
    expect(memoryStats().tensors).toBe(tensors);
  });
});

describe('GradScaler used wrongly', () => {
  const made = () => {
    const weight = ones([1], { requiresGrad: true });
    weight.grad = ones([1]);
    return { weight, optimizer: new optim.SGD([weight], { lr: 1 }), scaler: new GradScaler('cpu') };
  };

  it(
    'says what is out of order, and what to call',
    withScope(() => {
      const { weight, optimizer, scaler } = made();
      expect(message(() => scaler.step(optimizer))).toMatchInlineSnapshot(
        `"TorchError: Expected scaler.scale(loss) before GradScaler.step, got no scaled loss"`,
      );
      expect(message(() => scaler.update())).toMatchInlineSnapshot(
        `"TorchError: Expected scaler.scale(loss) before GradScaler.update, got no scaled loss"`,
      );
      scaler.scale(ones([]));
      expect(message(() => scaler.update())).toMatchInlineSnapshot(
        `"TorchError: Expected scaler.step(optimizer) before GradScaler.update, got no checked gradients"`,
      );
      scaler.unscale_(optimizer);
      expect(message(() => scaler.unscale_(optimizer))).toMatchInlineSnapshot(
        `"TorchError: Expected one GradScaler.unscale_ for each update, got a second unscale_; call update() first"`,
      );
      scaler.step(optimizer);
      expect(message(() => scaler.step(optimizer))).toMatchInlineSnapshot(
        `"TorchError: Expected one GradScaler.step for each update, got a second; call update() first"`,
      );
      expect(message(() => scaler.unscale_(optimizer))).toMatchInlineSnapshot(
        `"TorchError: Expected one GradScaler.unscale_ for each update, got one after step; call update() first"`,
      );
      scaler.update();
      weight.grad = null;
      expect(message(() => scaler.step(optimizer))).toMatchInlineSnapshot(
        `"TorchError: Expected gradients in the optimizer for GradScaler.step, got none; call backward() first"`,
      );
      expect(errorOf(() => scaler.step(optimizer))).toMatchObject({ code: 'ERR_GRAD_SCALER' });
    }),
  );

  it(
    'refuses float16 parameters, and values that cannot be',
    withScope(() => {
      const weight = ones([1], { dtype: 'float16', requiresGrad: true });
      weight.grad = ones([1], { dtype: 'float16' });
      const scaler = new GradScaler('cpu');
      scaler.scale(ones([]));
      expect(message(() => scaler.unscale_(new optim.SGD([weight], { lr: 1 })))).toMatchInlineSnapshot(
        `"RangeError: Expected float32 gradients for GradScaler.unscale_, got float16; keep the parameters in float32 and let autocast choose the precision"`,
      );
      expect(message(() => scaler.scale('loss' as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor or an array of Tensors for GradScaler.scale, got string"`,
      );
      expect(message(() => scaler.update(ones([2])))).toMatchInlineSnapshot(
        `"RangeError: Expected a number or a tensor of one element that does not require grad for GradScaler.update, got a tensor of shape [2]"`,
      );
      expect(message(() => new GradScaler('cpu', { growthFactor: 1 }))).toMatchInlineSnapshot(
        `"RangeError: Expected a number above 1 for GradScaler growthFactor, got 1"`,
      );
      expect(message(() => new GradScaler('cpu', { backoffFactor: 1 }))).toMatchInlineSnapshot(
        `"RangeError: Expected a number below 1 for GradScaler backoffFactor, got 1"`,
      );
      expect(message(() => scaler.setGrowthInterval(0))).toMatchInlineSnapshot(
        `"RangeError: Expected an integer of at least 1 for GradScaler growthInterval, got 0"`,
      );
      expect(message(() => new GradScaler('cpu', { init_scale: 1 } as never))).toMatchInlineSnapshot(
        `"RangeError: Expected a known option for GradScaler, got "init_scale"; did you mean initScale?"`,
      );
      expect(message(() => new GradScaler(1 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a device for GradScaler, got number"`,
      );
      expect(message(() => scaler.loadStateDict({}))).toMatchInlineSnapshot(
        `"RangeError: Expected the state of an enabled GradScaler for loadStateDict, got an empty one; it was saved while not enabled"`,
      );
      expect(message(() => scaler.loadStateDict({ scale: 1 }))).toMatchInlineSnapshot(
        `"RangeError: Expected a number for GradScaler state "growth_factor", got undefined"`,
      );
    }),
  );

  it.skipIf(cuda.isAvailable())('throws for cuda without a device instead of switching itself off', () => {
    const error = errorOf(() => new GradScaler());
    expect(error).toMatchObject({ name: 'TorchError', code: 'ERR_CUDA_UNAVAILABLE' });
    expect(error.message).toMatch(/^CUDA is not available: .+; .+/);
  });
});

describe('GradScaler on CUDA', () => {
  for (const name of Object.keys(runs)) {
    itOnCuda(`trains as torch on the CPU: ${name}`, () =>
      scope(() => train(runs[name] as Run, optim.SGD, 'cuda')),
    );
  }

  itOnCuda('trains with autocast in float16 and ends with a lower loss', () => {
    const model = new nn.Sequential(new nn.Linear(8, 16), new nn.ReLU(), new nn.Linear(16, 1)).cuda();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
    const scaler = new GradScaler('cuda');
    const losses: number[] = [];
    scope(() => {
      const x = randn([64, 8], { device: 'cuda' });
      const y = x.sum([1], { keepdim: true });
      for (let i = 0; i < 60; i++) {
        scope(() => {
          optimizer.zeroGrad();
          const loss = autocast('cuda', () => (model.forward(x) as Tensor).sub(y).pow(2).mean());
          scaler.scale(loss).backward();
          scaler.step(optimizer);
          scaler.update();
          losses.push(loss.item() as number);
        });
      }
    });
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 4);
  });
});
