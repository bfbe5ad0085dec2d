import { describe, expect, it } from 'vitest';
import { manualSeed, memoryStats, optim, randn, scope, setNumThreads, type Tensor } from '../../lib/index.ts';

setNumThreads(1);

/** Rosenbrock's valley in 64 dimensions, which no step of LBFGS comes to the end of. */
function begin(options: optim.LBFGSOptions) {
  manualSeed(0);
  const x = randn([64], { requiresGrad: true });
  const optimizer = new optim.LBFGS([x], { historySize: 3, maxIter: 4, ...options });
  const closure = (): number => {
    optimizer.zeroGrad();
    return scope(() => {
      const [a, b] = [x.narrow(0, 0, 63), x.narrow(0, 1, 63)];
      const loss = b.sub(a.mul(a)).square().mul(100).add(a.sub(1).square()).mean();
      loss.backward();
      return loss.item() as number;
    });
  };
  return { x, optimizer, closure };
}

const held = () => {
  const { tensors, bytes } = memoryStats();
  return { tensors, bytes };
};

describe('LBFGS', () => {
  it.each([{ lineSearchFn: 'strong_wolfe' }, { lr: 1e-3 }] as const)(
    'holds as much after many steps as after a few, without a collection: %o',
    (options) => {
      const { optimizer, closure } = begin(options);
      for (let i = 0; i < 4; i++) optimizer.step(closure);
      const before = held();
      for (let i = 0; i < 4; i++) optimizer.step(closure);
      expect(held()).toEqual(before);
    },
  );

  it('leaves alone what its closure makes, and gives it back', () => {
    const { x, optimizer, closure } = begin({});
    const kept: Tensor[] = [];
    const first = optimizer.step(() => {
      kept.push(x.detach().clone());
      closure();
      return x.detach().square().sum();
    });
    expect(kept.length).toBeGreaterThan(1);
    expect((first as Tensor).item()).toBeCloseTo(kept[0]?.square().sum().item() as number, 4);
    expect(kept.map((tensor) => tensor.shape)).toEqual(kept.map(() => [64]));
  });

  it('keeps a state dict readable when later steps replace the state', () => {
    const { x, optimizer, closure } = begin({ lineSearchFn: 'strong_wolfe' });
    for (let i = 0; i < 2; i++) optimizer.step(closure);
    const [start, saved] = [x.detach().clone(), optimizer.stateDict()];
    optimizer.step(closure);
    const once = x.detach().clone();
    optimizer.step(closure);
    x.detach().copy_(start);
    optimizer.loadStateDict(saved);
    optimizer.step(closure);
    expect(x.detach().toArray()).toEqual(once.toArray());
  });

  it('goes on after a closure that throws', () => {
    const { optimizer, closure } = begin({ lineSearchFn: 'strong_wolfe' });
    optimizer.step(closure);
    let calls = 0;
    const failing = () => {
      if (++calls === 3) throw new Error('no more');
      return closure();
    };
    expect(() => optimizer.step(failing)).toThrow('no more');
    expect(optimizer.step(closure)).toBeGreaterThan(0);
  });
});
