import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as checkpoint from '../../lib/checkpoint/index.ts';
import { checkReid } from '../../lib/cli/reid/check.ts';
import { evaluateReid, type ReidEvaluateOptions } from '../../lib/cli/reid/evaluate.ts';
import { extractReid } from '../../lib/cli/reid/extract.ts';
import { readFeatures } from '../../lib/cli/reid/features-file.ts';
import { registerReid } from '../../lib/cli/reid/reid.ts';
import { reportReid } from '../../lib/cli/reid/report.ts';
import { searchReid } from '../../lib/cli/reid/search.ts';
import * as reid from '../../lib/reid/index.ts';
import { manualSeed } from '../../lib/tensor/index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-reid-'));
const file = (name: string) => join(scratch, name);
const names: string[] = [];

beforeAll(async () => {
  for (const [seed, name] of [
    [0, 'first.pth'],
    [1, 'second.pth'],
  ] as const) {
    manualSeed(seed);
    checkpoint.save({ state_dict: reid.osnet_x0_25({ numClasses: 5 }).stateDict() }, file(name));
  }
  for (const folder of ['query', 'gallery']) mkdirSync(file(`shots/${folder}`), { recursive: true });
  for (let person = 0; person < 4; person++) {
    for (const [folder, camera] of [
      ['query', 1],
      ['gallery', 2],
      ['gallery', 3],
    ] as const) {
      const background = { r: 60 * person, g: 40 * camera, b: 250 - 70 * person };
      const name = `shots/${folder}/p${person}_c${camera}_0.png`;
      await sharp({ create: { width: 32, height: 64, channels: 3, background } })
        .png()
        .toFile(file(name));
      names.push(name);
    }
  }
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function streams() {
  const stdout = { text: '', write: (text: string) => (stdout.text += text) };
  return { stdout, stderr: { write: () => true, isTTY: false } as never };
}
const common = { checkpoint: [file('first.pth')], device: 'cpu', batchSize: 4 };
const evaluation: ReidEvaluateOptions = {
  ...common,
  test: [`folder=${file('shots')}`],
  root: scratch,
  pattern: 'p{id}_c{camera}_{}',
  metric: 'cosine',
};

async function evaluated(options: Partial<ReidEvaluateOptions>) {
  const output = streams();
  await evaluateReid({ ...evaluation, json: true, ...options }, output);
  return JSON.parse(output.stdout.text) as { results: Record<string, unknown>[] };
}

describe('reid evaluate', () => {
  it('gives the figures of the library, for each network on each data set', async () => {
    writeFileSync(
      file('table.csv'),
      [
        'path,id,camera,split',
        ...names
          .slice(0, 6)
          .map(
            (name) => `${name},${name.at(-9)},${name.at(-7)},${name.includes('query') ? 'query' : 'gallery'}`,
          ),
      ].join('\n'),
    );
    const { results } = await evaluated({
      checkpoint: [file('first.pth'), file('second.pth')],
      test: [...evaluation.test, `csv=${file('table.csv')}`],
    });
    expect(results.map(({ checkpoint: name, test }) => `${name} ${test}`)).toEqual([
      'first.pth folder',
      'first.pth csv',
      'second.pth folder',
      'second.pth csv',
    ]);
    const { query, gallery } = reid.loadData('folder', file('shots'), {
      pattern: 'p{id}_c{camera}_{}',
      query: 'query',
      gallery: 'gallery',
    });
    const loaded = reid.load(file('second.pth'));
    const features = async (images: readonly reid.ReidImage[]) =>
      reid.extract(
        loaded,
        images.map(({ path }) => path),
      );
    const figures = reid.evaluateRanking({
      queryFeatures: await features(query),
      galleryFeatures: await features(gallery),
      queryIds: query.map(({ id }) => id),
      galleryIds: gallery.map(({ id }) => id),
      queryCameras: query.map(({ camera }) => camera),
      galleryCameras: gallery.map(({ camera }) => camera),
      metric: 'cosine',
    });
    const found = results[2] as unknown as reid.RankingResult;
    expect(found.valid).toBe(4);
    expect(found.mAP).toBeCloseTo(figures.mAP, 6);
    expect(found.cmc).toEqual(figures.cmc);
  });

  it('re-ranks, expands and mirrors when asked to, and prints a table', async () => {
    const { results } = await evaluated({ rerank: 'fast-reid', aqe: true, flip: true });
    expect(results[0]?.valid).toBe(4);
    const output = streams();
    await evaluateReid(evaluation, output);
    expect(output.stdout.text.split('\n').slice(0, 3)).toEqual([
      'checkpoint  test    queries  gallery  Rank-1  Rank-5  Rank-10    mAP   mINP',
      expect.stringMatching(/^-+$/),
      expect.stringMatching(/^first\.pth {3}folder {8}4 {8}8/),
    ]);
  });

  it('reads all data sets before it computes', async () => {
    await expect(evaluated({ test: ['market'], checkpoint: ['none.pth'] })).rejects.toThrow(
      /Expected bounding_box_train, query, bounding_box_test of Market-1501 in/,
    );
    await expect(evaluated({ test: ['folder'], pattern: undefined as never })).rejects.toThrow('--pattern');
    await expect(evaluated({ test: ['markt'] })).rejects.toThrow(
      'Expected a data set for loadData, got "markt"',
    );
  });
});

describe('reid extract and reid search', () => {
  it('keep features with names, identities and cameras, and find images among them', async () => {
    const output = file('gallery.safetensors');
    const said = streams();
    await extractReid(
      file('shots/gallery'),
      { ...common, output, pattern: 'p{id}_c{camera}_{}', normalize: true },
      said,
    );
    expect(said.stdout.text).toBe(`8 features of 512 numbers: ${output}\n`);
    const kept = readFeatures(output);
    expect(kept.names[1]).toBe('p0_c3_0.png');
    expect([kept.ids?.[1], kept.cameras?.[1]]).toEqual(['0', '3']);
    expect(kept.features.pow(2).sum(1).sub(1).abs().max().item()).toBeLessThan(1e-5);

    const found = streams();
    const options = { ...common, gallery: output, top: 2, json: true };
    await searchReid([file('shots/gallery/p2_c3_0.png')], options, found);
    const { matches } = JSON.parse(found.stdout.text);
    expect(matches).toHaveLength(2);
    expect(matches[0]).toMatchObject({ name: 'p2_c3_0.png', id: '2', camera: '3' });
    expect(matches[0].similarity).toBeCloseTo(1, 5);

    const filtered = streams();
    await searchReid(
      [file('shots/gallery/p2_c3_0.png')],
      { ...options, json: false, notCamera: ['3'] },
      filtered,
    );
    expect(filtered.stdout.text).toContain(', camera 2)');
    expect(filtered.stdout.text).not.toContain('camera 3');
  });

  it('keep names alone without a pattern, and refuse what they cannot do', async () => {
    const output = file('plain.safetensors');
    await extractReid(file('shots'), { ...common, output, normalize: false }, streams());
    expect(readFeatures(output)).toMatchObject({ ids: undefined, cameras: undefined });
    expect(readFeatures(output).names[0]).toBe('gallery/p0_c2_0.png');
    const refused = (options: object) =>
      extractReid(file('shots'), { ...common, output, normalize: true, ...options }, streams());
    await expect(refused({ output: 'x.parquet' })).rejects.toThrow('.safetensors for --output');
    await expect(refused({ checkpoint: ['a', 'b'] })).rejects.toThrow('Expected one --checkpoint');
    expect(() => readFeatures(file('first.pth'))).toThrow('Expected features');
  });
});

it('the commands of reid are known, with their options', async () => {
  const program = new Command().exitOverride();
  registerReid(program);
  const help = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
  await expect(program.parseAsync(['node', 'x', 'reid', 'evaluate', '--help'])).rejects.toThrow('outputHelp');
  const text = help.mock.calls.join('');
  help.mockRestore();
  expect(text).toContain('--test <set[=folder]>');
  expect(text).toContain('cuhk03-classic-labeled');
});

describe('reid check', () => {
  it('prints what is wrong, how it was seen and what to do', async () => {
    const output = streams();
    const isSound = await checkReid([file('shots')], { checkpoint: file('first.pth') }, output);
    expect(isSound).toBe(false);
    const [network, fault, seen, remedy] = output.stdout.text.split('\n');
    expect(network).toContain('osnet_x0_25 of torchreid');
    expect(fault).toBe(
      'FAULT untouched-statistics: No layer of batch normalisation has statistics of training',
    );
    expect(seen).toMatch(/^ {2}seen: running means are all 0/);
    expect(remedy).toMatch(/^ {2}do: take a file that has the buffers too/);
  });

  it('compares features of a file, and gives JSON', async () => {
    await extractReid(
      file('shots'),
      { ...common, output: file('own.safetensors'), normalize: true },
      streams(),
    );
    const output = streams();
    const options = { checkpoint: file('first.pth'), features: file('own.safetensors'), json: true };
    await checkReid([file('shots')], options, output);
    const { images, findings, excluded } = JSON.parse(output.stdout.text);
    expect(images).toBe(12);
    expect(findings.map(({ fault }: { fault: string }) => fault)).toEqual(['untouched-statistics']);
    expect(excluded).toContain("the features are not the network's");
    checkpoint.save({ other: 1 }, file('other.pt'));
    await expect(
      checkReid([file('shots')], { ...options, features: file('other.pt') }, output),
    ).rejects.toThrow('Expected a tensor (N, D) called "features" in');
    await expect(checkReid([file('nowhere')], options, output)).rejects.toThrow('which is not there');
  });
});

describe('reid report', () => {
  const settings = {
    root: scratch,
    metric: 'cosine',
    lists: 2,
    top: 3,
    device: 'cpu',
    batchSize: 4,
  } as const;

  it('writes a page of two files of features, and of a checkpoint on a data set', async () => {
    const pattern = 'p{id}_c{camera}_{}';
    for (const part of ['query', 'gallery']) {
      const output = file(`${part}.safetensors`);
      await extractReid(file(`shots/${part}`), { ...common, output, pattern, normalize: true }, streams());
    }
    const [query, gallery] = [file('query.safetensors'), file('gallery.safetensors')];
    const folders = { queryImages: file('shots/query'), galleryImages: file('shots/gallery') };
    await reportReid({ ...settings, query, gallery, ...folders, output: file('a.html') }, streams());
    const { checkpoint: files } = common;
    const test = `folder=${file('shots')}`;
    await reportReid({ ...settings, checkpoint: files, test, pattern, output: file('b.html') }, streams());
    const [a, b] = ['a.html', 'b.html'].map((name) => readFileSync(file(name), 'utf8')) as [string, string];
    const figures = (page: string) => /<tbody>.*?<\/tbody>/s.exec(page)?.[0];
    expect(figures(a)).toBe(figures(b));
    expect(a.match(/<img /g)).toHaveLength(24);
    expect(b).toContain('<title>first.pth on folder</title>');
  });

  it('refuses half of what it needs, and features without identities', async () => {
    const report = (options: object) =>
      reportReid({ ...settings, output: file('c.html'), ...options }, streams());
    await expect(report({})).rejects.toThrow('for reid report, got none');
    await expect(report({ query: file('own.safetensors') })).rejects.toThrow('for reid report, got --query');
    const own = { query: file('own.safetensors'), gallery: file('own.safetensors') };
    await expect(report(own)).rejects.toThrow('Expected identities and cameras in');
    expect(existsSync(file('c.html'))).toBe(false);
  });
});
