import { describe, expect, it } from 'vitest';
import * as optim from '../../lib/optim/index.ts';
import { keep, manualSeed, noGrad, ops, randn, type Tensor } from '../../lib/tensor/index.ts';
import { noPythonTorch, runPython } from '../checkpoint/python-torch.ts';
import { elements } from '../nn/numbers.ts';

const STEPS = 4;
/** One element, a tail behind whole vectors, many dimensions, and more than what is worked on at a time. */
const SHAPES = [[1], [19], [4, 3, 2], [17, 12_345]];

const OPTIONS: Record<string, optim.AdamOptions> = {
  plain: {},
  decayed: { lr: 3.5e-4, weightDecay: 5e-4, betas: [0.8, 0.99] },
  amsgrad: { amsgrad: true, weightDecay: 0.1, decoupledWeightDecay: true },
  maximize: { lr: 0.01, maximize: true, eps: 1e-5, weightDecay: 0.01 },
};

function run(settings: optim.AdamOptions, layout = (tensor: Tensor) => tensor): Tensor[] {
  manualSeed(5);
  const params = SHAPES.map((shape) => keep(layout(randn(shape))).requiresGrad_());
  const optimizer = new optim.Adam(params, settings);
  for (let i = 0; i < STEPS; i++) {
    for (const param of params) param.grad = layout(randn(param.shape).mul(10 ** (i - 2)));
    optimizer.step();
  }
  return [...params, ...params.flatMap((param) => statesOf(optimizer, param))];
}

const statesOf = (optimizer: optim.Adam, param: Tensor): Tensor[] => {
  const { expAvg, expAvgSq } = optimizer.state.get(param) as Record<string, Tensor>;
  return [expAvg as Tensor, expAvgSq as Tensor];
};

/** Python's for-loop over whole tensors, as `_single_tensor_adam` of torch 2.13 has it. */
function runLoop({ lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, ...rest }: optim.AdamOptions): Tensor[] {
  const { aten } = ops;
  manualSeed(5);
  const params = SHAPES.map((shape) => keep(randn(shape)));
  const [means, squares, largest] = [0, 1, 2].map(() => params.map((p) => keep(aten.zeros_like(p)))) as [
    Tensor[],
    Tensor[],
    Tensor[],
  ];
  for (let step = 1; step <= STEPS; step++) {
    for (const [i, param] of params.entries()) {
      const drawn = randn(param.shape).mul(10 ** (step - 3));
      const [mean, square, most] = [means[i], squares[i], largest[i]] as [Tensor, Tensor, Tensor];
      let grad = rest.maximize ? drawn.neg() : drawn;
      const { weightDecay = 0 } = rest;
      if (rest.decoupledWeightDecay) param.mul_(1 - lr * weightDecay);
      else if (weightDecay !== 0) grad = grad.add(param, { alpha: weightDecay });
      mean.lerp_(grad, 1 - betas[0]);
      square.mul_(betas[1]).addcmul_(grad, grad, { value: 1 - betas[1] });
      most.copy_(aten.maximum(most, square));
      const size = (rest.amsgrad ? most : square)
        .sqrt()
        .div(Math.sqrt(1 - betas[1] ** step))
        .add(eps);
      param.addcdiv_(mean, size, { value: -(lr / (1 - betas[0] ** step)) });
    }
  }
  return [...params, ...params.flatMap((_, i) => [means[i] as Tensor, squares[i] as Tensor])];
}

const PYTHON = `
import json, sys, torch
torch.set_num_threads(1)
shapes, steps, settings = json.loads(sys.argv[1])
def run(options):
    torch.manual_seed(5)
    params = [torch.randn(shape).requires_grad_() for shape in shapes]
    optimizer = torch.optim.Adam(params, **options)
    for i in range(steps):
        for param in params:
            param.grad = torch.randn(param.shape) * 10.0 ** (i - 2)
        optimizer.step()
    states = [optimizer.state[p][name] for p in params for name in ("exp_avg", "exp_avg_sq")]
    return [tensor.detach().flatten()[:150].tolist() + tensor.detach().flatten()[-150:].tolist() for tensor in params + states]
print(json.dumps([run(options) for options in settings]))
`;

const spelled = ({ weightDecay, decoupledWeightDecay, ...rest }: optim.AdamOptions) => ({
  ...rest,
  ...(weightDecay === undefined ? {} : { weight_decay: weightDecay }),
  ...(decoupledWeightDecay === undefined ? {} : { decoupled_weight_decay: decoupledWeightDecay }),
});

const ends = (tensor: Tensor): number[] => {
  const all = elements(tensor);
  return [...all.slice(0, 150), ...all.slice(-150)];
};

const same = (a: readonly Tensor[], b: readonly Tensor[]) =>
  a.map((tensor, i) => ops.aten.equal(tensor, b[i] as Tensor));

describe('optim.Adam', () => {
  it.each(Object.keys(OPTIONS))("%s: equals Python's for-loop over whole tensors bit for bit", (name) => {
    const settings = OPTIONS[name] as optim.AdamOptions;
    const found = same(
      run(settings),
      noGrad(() => runLoop(settings)),
    );
    expect(found).toEqual(found.map(() => true));
  });

  it('has the same numbers where memory is in another order', () => {
    const turned = (tensor: Tensor) => (tensor.dim() === 2 ? tensor.t().contiguous().t() : tensor);
    const settings = OPTIONS.decayed as optim.AdamOptions;
    const found = same(run(settings), run(settings, turned));
    expect(found).toEqual(found.map(() => true));
  });

  it("has the numbers of libtorch's fused op with `fused: true`, which are others", () => {
    const fused = run({ fused: true });
    const loop = run({});
    const last = SHAPES.length - 1;
    expect(ops.aten.allclose(fused[last] as Tensor, loop[last] as Tensor, 1e-5, 1e-6)).toBe(true);
    expect(ops.aten.equal(fused[last] as Tensor, loop[last] as Tensor)).toBe(false);
  });

  it.skipIf(noPythonTorch)('equals Python on this processor bit for bit, by default and with `fused`', () => {
    const all = Object.values(OPTIONS).flatMap((one) => [one, { ...one, fused: true }]);
    const told = JSON.stringify([SHAPES, STEPS, all.map(spelled)]);
    const there = JSON.parse(runPython(PYTHON, told)) as number[][][];
    for (const [i, settings] of all.entries()) expect(run(settings).map(ends)).toEqual(there[i]);
  });
});
