import { describe, expect, it } from 'vitest';
import * as adapt from '../../lib/adapt/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { manualSeed, randn, scope, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { drawBatches, network, segmenter, statisticsOf } from './networks.ts';

/** Gives for row i of its input the class that stands there. */
class Told extends nn.Module {
  classes: number[] = [];
  forward(x: Tensor): Tensor {
    return nn.functional
      .oneHot(tensor(this.classes.slice(0, x.shape[0]), { dtype: 'int64' }), { numClasses: 4 })
      .to('float32');
  }
}

const told = (...classes: number[]) => Object.assign(new Told(), { classes });
const rows = (n: number) => randn([n, 2]);

describe('Guard', () => {
  it('accepts what costs no more labels than its bound, and refuses what costs more', async () => {
    const model = told(0, 1, 2, 3, 0, 0, 0, 0, 0, 0);
    const labels = tensor([0, 1, 2, 3, 0, 0, 0, 0, 1, 1]);
    const guard = await adapt.Guard.create(model, [[rows(10), labels]], { bound: 0.1 });
    expect(guard.rule).toBe('accuracy');
    model.classes = [1, 1, 2, 3, 0, 0, 0, 0, 0, 0];
    const one = await guard.judge(model);
    expect(one).toMatchObject({ accepted: true, before: 0.8, after: 0.7, compared: 10, changed: 0.1 });
    expect(one.worst).toBeCloseTo(0.1, 12);
    model.classes = [1, 0, 2, 3, 0, 0, 0, 0, 0, 0];
    expect(await guard.judge(model)).toMatchObject({ accepted: false, after: 0.6 });
    model.classes = [0, 1, 2, 3, 0, 0, 0, 0, 1, 1];
    expect(await guard.judge(model)).toMatchObject({ accepted: true, after: 1, worst: 0 });
  });

  it('without labels never lets accuracy fall by more than its bound, whatever the labels are', async () => {
    manualSeed(9);
    const draw = (n: number) =>
      scope(() => (randn([n]).abs().mul(2).floor().clamp(0, 3).toArray() as number[]).map(Number));
    for (let i = 0; i < 200; i++) {
      const [before, after, labels] = [draw(20), draw(20), draw(20)];
      const mixed = before.map((one, j) => (j < i % 21 ? (after[j] as number) : one));
      const model = told(...before);
      const guard = await adapt.Guard.create(model, [rows(20)], { bound: 0.2 });
      model.classes = mixed;
      const { accepted, worst } = await guard.judge(model);
      const right = (classes: number[]) => classes.filter((one, j) => one === labels[j]).length / 20;
      expect(right(before) - right(mixed)).toBeLessThanOrEqual(worst + 1e-12);
      if (accepted) expect(right(before) - right(mixed)).toBeLessThanOrEqual(0.2 + 1e-12);
      expect(accepted).toBe(worst <= 0.2);
    }
  });

  it('counts pixels, less those of no class', async () => {
    const model = segmenter();
    const [x] = drawBatches(3, [2]) as [Tensor];
    const labels = model.forward(x).argmax(1);
    const some = labels.clone();
    some.narrow(1, 0, 2).fill_(255);
    const guard = await adapt.Guard.create(model, [[x, some]]);
    const { compared, before } = await guard.judge(model);
    expect([compared, before]).toEqual([2 * 3 * 6, 1]);
  });

  it('lets adaBn try weaker mixtures, and keep the source where none is good enough', async () => {
    const model = network();
    const before = statisticsOf(model);
    const holdout = drawBatches(14, [40]);
    // Of the target's statistics themselves most predictions change.
    const strict = await adapt.Guard.create(model, holdout, { bound: 0 });
    const far = [randn([16, 3, 9, 10]).mul(50).add(80)];
    const refused = await adapt.adaBn(model, far, { guard: strict });
    expect(refused).toMatchObject({ share: 0, verdict: { accepted: false } });
    expect(statisticsOf(model)).toEqual(before);
    const lax = await adapt.Guard.create(model, holdout, { bound: 1 });
    expect(await adapt.adaBn(model, far, { guard: lax })).toMatchObject({ share: 1 });
  });

  it('takes the strongest mixture that is within the bound', async () => {
    const model = network();
    const holdout = drawBatches(14, [40]);
    const target = drawBatches(15, [20, 20]).map((batch) => batch.mul(1.5));
    const shares: number[] = [];
    for (const bound of [0, 0.1, 0.3, 1]) {
      const guard = await adapt.Guard.create(model, holdout, { bound });
      const { share, verdict, rollBack } = await adapt.adaBn(model, target, { guard });
      expect(verdict?.accepted).toBe(share > 0);
      if (share > 0) expect((await guard.judge(model)).worst).toBeLessThanOrEqual(bound);
      shares.push(share);
      await rollBack();
    }
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });

  it('refuses a holdout that cannot be judged by', async () => {
    const model = told(0, 1);
    const create = (holdout: unknown, options = {}) => adapt.Guard.create(model, holdout as never, options);
    await expect(create([])).rejects.toThrow('Expected batches');
    await expect(create([rows(2), [rows(2), tensor([0, 1])]])).rejects.toThrow('or in none, got 1');
    await expect(create([[rows(2), tensor([255, 255])]])).rejects.toThrow('Expected labels that count');
    await expect(create([[rows(2), tensor([[0, 1]])]])).rejects.toThrow('Expected labels [2]');
    await expect(create([rows(2)], { bound: -1 })).rejects.toThrow('from 0');
    await expect(adapt.Guard.create(3 as never, [rows(2)])).rejects.toThrow(
      'Expected a Module or a compiled',
    );
    const once = await create(
      (function* () {
        yield rows(2);
      })(),
    );
    await expect(once.judge(model)).rejects.toThrow('which can be gone through again');
  });
});
