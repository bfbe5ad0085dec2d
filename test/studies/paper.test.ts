import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import * as studies from '../../lib/studies/index.ts';
import { manualSeed, randn } from '../../lib/tensor/index.ts';

const SMALL = { stem: 'small', widths: [4, 8, 12, 16], numClasses: 3 } as const;

const norms = (model: nn.Module) => {
  const all = model.modules();
  return [nn.InstanceNorm2d, nn.BatchNorm2d].map(
    (kind) => all.filter((module) => module instanceof kind).length,
  );
};

describe('buildVariant', () => {
  it('has instance normalisation where the paper has it', () => {
    const counts = Object.fromEntries(
      ['none', 'a', 'b', 'c', 'd', 'a&d', 'a x2', 'groups 1', 'groups 1-4', 'ratio 1', 'ratio full'].map(
        (name) => [name, norms(studies.buildVariant(name, 18, SMALL))],
      ),
    );
    // ResNet-18: a stem, 8 blocks of two norms, 3 on the way beside them.
    expect(counts).toEqual({
      none: [0, 20],
      a: [6, 20],
      b: [3, 19],
      c: [6, 20],
      d: [6, 20],
      'a&d': [12, 20],
      'a x2': [12, 20],
      'groups 1': [2, 20],
      'groups 1-4': [8, 20],
      'ratio 1': [6, 14],
      'ratio full': [20, 0],
    });
  });

  it('begins all variants but c with the same convolutions under a seed, and gives all of them gradients', () => {
    const begun = (name: string) => {
      manualSeed(3);
      const model = studies.buildVariant(name, 18, SMALL);
      model
        .forward(randn([2, 3, 32, 32]))
        .square()
        .sum()
        .backward();
      const isTrained = model.parameters().every(({ grad }) => Boolean(grad?.isfinite().all().item()));
      return { weight: model.conv1.weight, isTrained };
    };
    const plain = begun('none').weight;
    for (const name of Object.keys(studies.VARIANTS)) {
      const { weight, isTrained } = begun(name);
      // Larger convolutions take more of the random numbers.
      expect([name, weight.equal(plain), isTrained]).toEqual([name, name !== 'c', true]);
    }
  });

  it('knows which names are one network', () => {
    const same = Object.keys(studies.VARIANTS).map((name) => [name, studies.networkOf(name)]);
    expect(same.filter(([name, network]) => name !== network)).toEqual([
      ['groups none', 'none'],
      ['groups 1-3', 'a'],
      ['ratio 0', 'none'],
      ['ratio 0.5', 'a'],
    ]);
    expect(() => studies.buildVariant('a&e', 18)).toThrow(
      /Expected one of "none", .* for buildVariant name, got "a&e"; did you mean a&d\?/,
    );
    expect(() => studies.buildVariant('a', 18, { ratio: 0.3 } as never)).toThrow(
      'Expected no ratio for buildVariant, which the name decides; leave it out',
    );
    expect(() => studies.buildVariant('a', 20 as never)).toThrow(
      'Expected one of 18, 34, 50, 101, 152 for buildVariant depth, got 20',
    );
  });
});

describe('judgeClaims', () => {
  const run = (variant: string, seed: number, origin: number, twemoji: number) => ({
    ...{ variant, seed, errors: { origin, twemoji } },
  });
  const judged = (runs: studies.MeasuredRun[]) =>
    Object.fromEntries(
      studies
        .judgeClaims(studies.PAPER_TABLES.table1, runs, { Monet: 'twemoji' })
        .map(({ claim, verdict, measured }) => [claim.text, [verdict, measured?.mean]]),
    );

  it('pairs runs of one seed, and lets noise and single seeds decide nothing', () => {
    const runs = [0, 1, 2].flatMap((seed) => [
      run('none', seed, 50 + 10 * seed, 60 + 10 * seed),
      run('groups 1-3', seed, 48 + 10 * seed + 0.1 * seed, 61 + 10 * seed),
      run('b', seed, 50 + 10 * seed + (seed === 2 ? 0 : 6 * seed - 3), 52 + 10 * seed),
    ]);
    const found = judged(runs);
    expect(found['IBN-a is better on images as they are']).toEqual(['holds', expect.closeTo(1.9, 9)]);
    expect(found['IBN-b is better on images as they are']).toEqual(['undecided', expect.closeTo(0, 9)]);
    // none loses 10 points in the other style, a 13 less a tenth a seed.
    expect(found['IBN-a loses less in another style']).toEqual(['contradicted', expect.closeTo(-2.9, 9)]);
    expect(found['IBN-b loses less by std x1.5 than the plain network']).toEqual(['not measured', undefined]);
    const one = judged(runs.filter(({ seed }) => seed === 0));
    expect(one['IBN-a is better on images as they are']).toEqual(['undecided', 2]);
  });

  it('tells what the paper says by its own figures', () => {
    const of = (name: keyof typeof studies.PAPER_TABLES) =>
      studies.judgeClaims(studies.PAPER_TABLES[name], []).map(({ published }) => published);
    for (const name of ['table1', 'table3', 'table4', 'table5'] as const)
      expect(Math.min(...of(name)), name).toBeGreaterThan(0);
    expect(of('table1').slice(0, 3)).toEqual([1.73, 0.63, 3.77].map((value) => expect.closeTo(value, 9)));
  });
});

describe('judgeDepth', () => {
  const features = ['relu', 'layer1.0', 'layer2.0'];
  const run = (
    variant: string,
    seed: number,
    appearance: (number | null)[],
    content: (number | null)[] = [0.1, 0.2, 0.3],
  ): studies.MeasuredDepth => ({ variant, seed, features, appearance, content });
  const judged = (runs: studies.MeasuredDepth[]) =>
    studies.judgeDepth(runs).map(({ verdict, measured }) => [verdict, measured?.count ?? 0]);

  it('leaves out pairs in which a value is missing', () => {
    const runs = [0, 1, 2].flatMap((seed) => [
      run('ratio 0', seed, [3, 2, 1 + seed / 10]),
      run('b', seed, seed === 1 ? [0.01, null, 0.01] : [0.01, 0.02, 0.03]),
      run('groups 1-3', seed, seed === 2 ? [null, null, null] : [1, 1, 1]),
    ]);
    // With 0 for what is missing the last had three pairs; all missing had no mean.
    expect(judged(runs)).toEqual([
      ['holds', 3],
      ['holds', 3],
      ['holds', 2],
      ['holds', 3],
      ['holds', 2],
    ]);
    expect(judged([run('none', 0, [null, null, null])])[0]).toEqual(['not measured', 0]);
  });

  it('has what the paper shows to one digit, for it is read off a plot', () => {
    expect(studies.judgeDepth([]).map(({ published }) => published)).toEqual([
      ...[3, 0.1, undefined, undefined, undefined],
    ]);
  });

  it('refuses networks twice, features of other names, and values that are not one for each', () => {
    const plain = run('none', 0, [3, 2, 1]);
    for (const [runs, message] of [
      [
        [plain, run('groups none', 0, [3, 2, 1])],
        'Expected one run of a network and seed for judgeDepth, got two of "none" of seed 0',
      ],
      [
        [plain, { ...run('b', 0, [3, 2, 1]), features: ['relu', 'layer1.0', 'layer3.0'] }],
        'Expected features as depthFeatures names them for judgeDepth, got none that fits /^layer2\\./ among relu, layer1.0, layer3.0',
      ],
      [
        [run('none', 0, [3, 2])],
        'Expected 3 values, one for each feature, for judgeDepth appearance of "none", seed 0, got 2',
      ],
      [
        [{ ...plain, features: [] }],
        'Expected at least one feature of "none", seed 0, for judgeDepth, got none',
      ],
    ] as const)
      expect(() => studies.judgeDepth([...runs])).toThrow(message);
    const claim = { variant: 'a', seed: 1, errors: { origin: 1 } };
    expect(() =>
      studies.judgeClaims(studies.PAPER_TABLES.table1, [claim, { ...claim, variant: 'ratio 0.5' }]),
    ).toThrow('Expected one run of a network and seed for judgeClaims, got two of "a" of seed 1');
  });
});
