import { describe, expect, it } from 'vitest';
import * as adapt from '../../lib/adapt/index.ts';
import { compile } from '../../lib/compile/index.ts';
import * as models from '../../lib/models/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { inferenceMode, manualSeed, randn, scope, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { expectClose } from '../helpers/compare.ts';
import { fixture } from '../helpers/files.ts';
import { drawBatches, network, type Statistics, statisticsOf } from './networks.ts';

interface Reference {
  readonly adaBn: Readonly<Record<'cumulative' | 'running' | 'mixed', Statistics>>;
  readonly testTime: number[][];
}

const want = fixture<Reference>('adapt/adaptation.json');
const TIGHT = { rtol: 1e-5, atol: 1e-6 };

function expectStatistics(model: nn.Module, expected: Statistics): void {
  const got = statisticsOf(model);
  for (const [name, value] of Object.entries(expected))
    expectClose(tensor(got[name] as number[]), tensor(value), TIGHT);
}

/** Batches of images of which one domain is brighter and of more contrast. */
function domain(seed: number, scale: number, shift: number): Tensor[] {
  manualSeed(seed);
  return Array.from({ length: 3 }, () => scope(() => randn([6, 3, 32, 32]).mul(scale).add(shift)));
}

function resnet(): nn.Module & { forward(x: Tensor): Tensor } {
  manualSeed(2);
  return models.resnet18_ibn_a({ numClasses: 4, stem: 'small' }).eval() as never;
}

describe('adaBn', () => {
  it("has torch's statistics of update_bn after N batches, in IBN layers too", async () => {
    const model = network();
    const result = await adapt.adaBn(model, drawBatches());
    expectStatistics(model, want.adaBn.cumulative);
    expect(result).toMatchObject({ images: 11, batches: 3, share: 1, norms: ['1.BN', '4'] });
    expect(model.modules().some(({ training }) => training)).toBe(false);
  });

  it("has torch's running averages with a momentum", async () => {
    const model = network();
    await adapt.adaBn(model, drawBatches(), { momentum: 0.2 });
    expectStatistics(model, want.adaBn.running);
    expect((model.get(4) as nn.BatchNorm2d).momentum).toBe(0.1);
  });

  it('mixes with the source by N / (N + n)', async () => {
    const model = network();
    const { share } = await adapt.adaBn(model, drawBatches(), { prior: 16 });
    expect(share).toBeCloseTo(11 / 27, 12);
    expectStatistics(model, want.adaBn.mixed);
  });

  it('has the same statistics with fused norms', async () => {
    const model = nn.utils.fuseNorms(network());
    await adapt.adaBn(model, drawBatches());
    for (const [name, value] of Object.entries(want.adaBn.cumulative))
      expectClose(tensor(statisticsOf(model)[name] as number[]), tensor(value), { rtol: 1e-4, atol: 1e-5 });
  });

  it('rolls back bit for bit, and leaves instance norms and weights alone', async () => {
    const model = resnet();
    const saved = new Map([...model.stateDict()].map(([key, value]) => [key, value.clone()]));
    const { rollBack, norms } = await adapt.adaBn(model, domain(4, 2, 1));
    const changed = [...model.stateDict()].filter(([key, value]) => !value.equal(saved.get(key) as Tensor));
    expect(new Set(changed.map(([key]) => key.replace(/\.[^.]+$/, '')))).toEqual(new Set(norms));
    expect(norms.some((name) => name.endsWith('.IN'))).toBe(false);
    await rollBack();
    for (const [key, value] of model.stateDict()) expect(value.equal(saved.get(key) as Tensor)).toBe(true);
  });

  it('leaves everything as it was where a batch cannot be used', async () => {
    const model = network();
    const before = statisticsOf(model);
    const bad: [unknown[], string][] = [
      [[randn([2, 3, 9, 9]), randn([2, 5, 9, 9])], 'channels'],
      [[], 'Expected batches'],
      [[randn([2, 3, 9, 9]).mul(Number.NaN)], 'Expected finite statistics'],
      [[7], 'Expected a Tensor (N, ...)'],
      [[randn([1, 3, 5, 5])], 'more than 1 value per channel'],
    ];
    for (const [batches, message] of bad) {
      await expect(adapt.adaBn(model, batches as never)).rejects.toThrow(message);
      expect(statisticsOf(model)).toEqual(before);
      expect(model.modules().some(({ training }) => training)).toBe(false);
      expect((model.get(4) as nn.BatchNorm2d).momentum).toBe(0.1);
    }
  });

  it('refuses networks without batch norms, and options that it does not have', async () => {
    const plain = new nn.Sequential(new nn.Conv2d(3, 4, 1), new nn.InstanceNorm2d(4));
    await expect(adapt.adaBn(plain, [])).rejects.toThrow('Expected a network with batch norms');
    const model = network();
    await expect(adapt.adaBn(model, [], { prior: -1 })).rejects.toThrow('Expected a number from 0');
    await expect(adapt.adaBn(model, [], { momentum: 0 })).rejects.toThrow('and not 0, for adaBn momentum');
    await expect(adapt.adaBn(model, [], { prior: 1, momentum: 1 })).rejects.toThrow('got both');
    await expect(adapt.adaBn(model, [], { priors: 1 } as never)).rejects.toThrow('did you mean prior?');
  });

  it('changes a model that runs, and rolls it back bit for bit', async () => {
    const [model, x] = [resnet(), (domain(5, 2, 1)[0] as Tensor).narrow(0, 0, 2)];
    const fast = await compile(model, { inputs: [[1, 3, 32, 32]], refoldable: true });
    const before = await fast.run(x);
    const { rollBack } = await adapt.adaBn(model, domain(6, 2, 1), { compiled: fast });
    const adapted = await fast.run(x);
    expect(adapted.equal(before)).toBe(false);
    expectClose(
      adapted,
      inferenceMode(() => model.forward(x)),
      { rtol: 1e-3, atol: 1e-3 },
    );
    await rollBack();
    expect((await fast.run(x)).equal(before)).toBe(true);
    await fast.close();
  });
});

describe('forwardAtTestTime', () => {
  it("is torch's with statistics mixed layer by layer, and leaves the network as it was", () => {
    const model = network();
    const before = statisticsOf(model);
    const [batch] = drawBatches() as [Tensor];
    expectClose(adapt.forwardAtTestTime(model, batch, { prior: 16 }), tensor(want.testTime), {
      rtol: 1e-5,
      atol: 1e-5,
    });
    expect(statisticsOf(model)).toEqual(before);
    nn.utils.fuseNorms(model);
    expectClose(adapt.forwardAtTestTime(model, batch), tensor(want.testTime), { rtol: 1e-5, atol: 1e-5 });
  });

  it('refuses a map of one value, and is as before then', () => {
    const model = network();
    const before = statisticsOf(model);
    expect(() => adapt.forwardAtTestTime(model, randn([1, 3, 5, 5]))).toThrow('more than one value');
    expect(statisticsOf(model)).toEqual(before);
    expect(() => model.forward(randn([1, 3, 5, 5]))).not.toThrow();
  });
});
