import { describe, expect, it } from 'vitest';
import * as adapt from '../../lib/adapt/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { SGD } from '../../lib/optim/index.ts';
import { randn, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { expectClose } from '../helpers/compare.ts';
import { fixture } from '../helpers/files.ts';
import { drawBatches, network, segmenter, statisticsOf } from './networks.ts';

interface Run {
  readonly losses: number[];
  readonly last: number[][];
  readonly params: number[][];
}
const want = fixture<{ tent: Record<string, Run> }>('adapt/adaptation.json').tent;

const CASES = [
  ['all adam', network, { norms: 'all', lr: 0.01 }],
  ['segmentation', segmenter, { norms: 'all', lr: 0.01 }],
  [
    'batch sgd',
    network,
    { norms: 'batch', optimizer: (params: nn.Parameter[]) => new SGD(params, { lr: 0.05, momentum: 0.9 }) },
  ],
] as const;

const copies = (model: nn.Module) => [...model.parameters()].map((parameter) => parameter.detach().clone());
const isSame = (model: nn.Module, saved: readonly Tensor[]) =>
  [...model.parameters()].every((parameter, i) => parameter.equal(saved[i] as Tensor));

describe('Tent', () => {
  it.each(CASES)("has torch's losses, outputs and parameters: %s", (name, build, options) => {
    const model = build();
    const tent = new adapt.Tent(model, options as adapt.TentOptions);
    const expected = want[name] as Run;
    const losses: number[] = [];
    let last: Tensor | undefined;
    for (let i = 0; i < 3; i++)
      for (const batch of drawBatches()) {
        last = tent.forward(batch);
        losses.push(tent.entropy);
      }
    for (const [i, loss] of losses.entries())
      expect(Math.abs(loss - (expected.losses[i] as number))).toBeLessThan(1e-5);
    expectClose(last as Tensor, tensor(expected.last), { rtol: 1e-3, atol: 1e-4 });
    for (const [i, param] of tent.parameters.entries())
      expectClose(param.detach(), tensor(expected.params[i] as number[]), { rtol: 1e-3, atol: 1e-4 });
  });

  it('leaves running statistics, modes and what needs gradients as they were', () => {
    const model = network();
    const before = statisticsOf(model);
    const saved = copies(model);
    const tent = new adapt.Tent(model);
    tent.forward(drawBatches()[0] as Tensor);
    tent.end();
    tent.end();
    expect(statisticsOf(model)).toEqual(before);
    expect(model.modules().some(({ training }) => training)).toBe(false);
    expect([...model.parameters()].every(({ requiresGrad }) => requiresGrad)).toBe(true);
    expect(isSame(model, saved)).toBe(false);
    tent.rollBack();
    expect(isSame(model, saved)).toBe(true);
    expect(() => tent.forward(drawBatches()[0] as Tensor)).toThrow('Expected a Tent that has not ended');
  });

  it('begins each batch with the source where it is episodic, and takes several steps', () => {
    const [batch] = drawBatches() as [Tensor];
    const [online, episodic] = [network(), network()].map(
      (model, i) => new adapt.Tent(model, { lr: 0.01, episodic: i === 1, steps: 2 }),
    ) as [adapt.Tent<never>, adapt.Tent<never>];
    const first = episodic.forward(batch);
    expectClose(online.forward(batch), first);
    expect(episodic.forward(batch).equal(first)).toBe(true);
    expect(online.forward(batch).equal(first)).toBe(false);
    online.reset();
    expectClose(online.forward(batch), first);
  });

  it('refuses what it cannot learn from, and learns nothing of it', () => {
    const model = network();
    const saved = copies(model);
    const tent = new adapt.Tent(model);
    expect(() => tent.forward(randn([2, 3, 9, 9]).mul(Number.NaN))).toThrow('Expected a finite entropy');
    expect(isSame(model, saved)).toBe(true);
    tent.end();
    const plain = new nn.Sequential(new nn.Conv2d(3, 2, 1)) as never;
    expect(() => new adapt.Tent(plain)).toThrow('Expected a network with batch norms');
    expect(() => new adapt.Tent(model, { norms: 'some' as never })).toThrow('Expected one of "all", "batch"');
    expect(() => new adapt.Tent(model, { lr: 1, optimizer: () => 1 as never })).toThrow('got both');
    expect(() => new adapt.Tent(model, { optimizer: () => 1 as never })).toThrow('Expected an Optimizer');
    expect(model.modules().some(({ training }) => training)).toBe(false);
    expect(adapt.entropy(tensor([[0, 0]])).item()).toBeCloseTo(Math.log(2), 6);
    expect(() => adapt.entropy(tensor([1, 2]))).toThrow('Expected logits (N, C, ...)');
  });
});
