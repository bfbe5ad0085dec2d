import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { save } from '../../lib/checkpoint/index.ts';
import { divergenceOf, type NetworkDivergence } from '../../lib/cli/divergence/run-divergence.ts';
import * as models from '../../lib/models/index.ts';
import * as studies from '../../lib/studies/index.ts';
import { manualSeed, noGrad, rand, randn, scope, type Tensor } from '../../lib/tensor/index.ts';
import { fixture, tmp } from '../helpers/files.ts';
import { writePair } from '../segment/data/trees.ts';

interface Case {
  case: [seed: number, first: number, second: number, channels: number, offset: number, deviation: number];
  value: number;
  channels: number[];
  dead: number;
}

/** The images of both domains, one list of channels each. */
function draw([seed, first, second, channels, offset, deviation]: Case['case']): [number[][], number[][]] {
  manualSeed(seed);
  const dtype = 'float64';
  const [a, b] = scope(() => {
    const a = randn([first, channels], { dtype }).mul(0.7).add(offset);
    const b = randn([second, channels], { dtype }).mul(deviation).add(offset);
    return [a, b.add(rand([channels], { dtype }))];
  }).map((one) => one.toArray<number[][]>()) as [number[][], number[][]];
  for (const row of a) [row[0], row[1]] = [1, 0];
  for (const row of b) row[1] = 0;
  return [a, b];
}

function momentsOf(images: readonly (readonly number[])[]): studies.ChannelMoments {
  const moments = new studies.ChannelMoments((images[0] as number[]).length);
  for (const image of images) moments.add(image);
  return moments;
}

const near = (got: number, want: number) =>
  expect(Math.abs(got - want) / Math.max(1, Math.abs(want))).toBeLessThan(1e-6);

describe('divergence', () => {
  it.each(fixture<Case[]>('studies/divergence.json').map((one) => [one.case.join(' '), one] as const))(
    "is numpy's, dead channels left out and counted: %s",
    (_, want) => {
      const [a, b] = draw(want.case).map(momentsOf) as [studies.ChannelMoments, studies.ChannelMoments];
      const { value, channels, dead } = studies.divergence(a, b);
      near(value as number, want.value);
      expect(dead).toBe(want.dead);
      const alive = [...channels].filter((one) => !Number.isNaN(one));
      for (const [i, one] of alive.entries()) near(one, want.channels[i] as number);
      near(studies.divergence(b, a).value as number, want.value);
      expect(studies.divergence(a, a).value).toBe(0);
    },
  );

  it('is null where every channel is dead', () => {
    const dead = momentsOf([
      [1, 2],
      [1, 2],
    ]);
    expect(studies.divergence(dead, dead)).toMatchObject({ value: null, dead: 2 });
  });

  it.each([
    [() => studies.divergence(momentsOf([[1]]), momentsOf([[1], [2]]))],
    [
      () =>
        studies.divergence(
          momentsOf([[1], [2]]),
          momentsOf([
            [1, 2],
            [2, 3],
          ]),
        ),
    ],
    [() => new studies.ChannelMoments(2).add([1])],
    [() => new studies.ChannelMoments(1).add([Number.NaN])],
  ])('refuses bad input (%#)', (attempt) => {
    expect(attempt).toThrowErrorMatchingSnapshot();
  });
});

describe('features by depth', () => {
  it('are 17 for ResNet-50, and stages where there are no residual blocks', () => {
    const names = studies.depthFeatures(models.resnet50_ibn_b());
    expect(names).toHaveLength(17);
    expect([names[0], names[1], names[4], names[16]]).toEqual(['relu', 'layer1.0', 'layer2.0', 'layer4.2']);
    expect(studies.depthFeatures(models.densenet121_ibn_a())).toEqual(
      models.densenet121_ibn_a().featureInfo.map(({ name }) => name),
    );
  });

  it('give the moments of all images at once, in batches of any size', async () => {
    manualSeed(2);
    const model = models.resnet18_ibn_a({ widths: [8, 8, 16, 16] }).eval();
    const images = randn([5, 3, 64, 64]);
    const parts = [images.narrow(0, 0, 2).clone(), images.narrow(0, 2, 3).clone()];
    const moments = await studies.featureMoments(model, parts);
    const features = models.createFeatureExtractor(model, ['relu', 'layer3.1']);
    const maps = noGrad(() => features.forward(images));
    for (const name of ['relu', 'layer3.1'] as const) {
      const means = (maps[name] as Tensor).to('float64').mean([2, 3]);
      const got = moments.get(name) as studies.ChannelMoments;
      expect(got.count).toBe(5);
      const want = { mean: means.mean(0), variance: means.var(0, { correction: 0 }) };
      for (const key of ['mean', 'variance'] as const)
        for (const [c, value] of want[key].toArray<number[]>().entries()) near(got[key][c] as number, value);
    }
  });
});

describe('ibn-net divergence', () => {
  it('tells the divergence of two folders for each network, as text, JSON, CSV and a plot', async () => {
    const root = tmp();
    for (const [folder, size] of [
      ['a', 40],
      ['b', 56],
    ] as const)
      for (let i = 0; i < 3; i++)
        await writePair(join(root, folder, `${i}.png`), join(root, 'masks', folder, `${i}.png`), 0, [
          size + i,
          size,
        ]);
    const file = join(root, 'x.pth');
    manualSeed(1);
    save(models.resnet18_ibn_b().stateDict(), file);
    const written: string[] = [];
    const options = { a: join(root, 'a'), b: join(root, 'b'), resize: 40, crop: 32, batchSize: 2 };
    const output = join(root, 'out');
    const stdout = { write: (text: string) => written.push(text) };
    const model = [`resnet18_ibn_b=${file}`];
    await divergenceOf({ ...options, model, output, json: true }, { stdout, stderr: stdout as never });
    const { networks, a } = JSON.parse(written.join('')) as {
      networks: NetworkDivergence[];
      a: { images: number };
    };
    expect(a.images).toBe(3);
    expect(networks[0]?.features).toHaveLength(9);
    const csv = readFileSync(join(output, 'divergence.csv'), 'utf8').trim().split('\n');
    expect(csv).toHaveLength(10);
    expect(readFileSync(join(output, 'divergence.svg'), 'utf8')).toContain('<svg');
    await expect(divergenceOf({ ...options, b: join(root, 'out'), model })).rejects.toThrow(
      /at least 2 images/,
    );
  });
});
