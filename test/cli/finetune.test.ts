import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { save } from '../../lib/checkpoint/index.ts';
import { finetuneClassifiers } from '../../lib/cli/finetune/finetune.ts';
import { chosenOf } from '../../lib/cli/finetune/subset.ts';
import type { FinetuneReport } from '../../lib/cli/finetune/sweep.ts';
import { finetuneSegmenters } from '../../lib/cli/segment/run-finetune.ts';
import * as segment from '../../lib/segment/index.ts';
import { manualSeed, setNumThreads } from '../../lib/tensor/index.ts';
import { root, tmp } from '../helpers/files.ts';
import { SHAPES, writeScenes } from '../segment/shapes.ts';
import { COMMON, colours, streams, writeClassifier } from './finetune-data.ts';

beforeAll(() => setNumThreads(1));

describe('the share that is chosen', () => {
  it('is of every group, the same for a seed, and part of a larger one', () => {
    const groups = [
      Array.from({ length: 40 }, (_, i) => i),
      [100, 101],
      Array.from({ length: 18 }, (_, i) => 200 + i),
    ];
    const of = (share: number, seed = 1) => chosenOf(groups, share, seed, null);
    expect(of(100).sort((a, b) => a - b)).toEqual(groups.flat());
    expect(of(10)).toHaveLength(4 + 1 + 2);
    expect(of(10)).toEqual(of(10));
    expect(of(10)).not.toEqual(of(10, 2));
    for (const [small, large] of [
      [10, 20],
      [20, 30],
      [30, 100],
    ] as const)
      expect(of(large)).toEqual(expect.arrayContaining(of(small)));
    expect(chosenOf(groups, 100, 1, 30)).toHaveLength(20 + 1 + 9);
  });
});

describe('ibn-net finetune', () => {
  it('trains every network on every share once, and reports', { timeout: 120_000 }, async () => {
    const [target, place] = [tmp(), tmp()];
    await colours(target);
    for (const [i, name] of ['one', 'two'].entries()) writeClassifier(join(place, `${name}.pth`), i);
    const output = join(place, 'runs');
    const options = { ...COMMON, checkpoint: [join(place, 'one.pth'), `other=${join(place, 'two.pth')}`] };
    const told = streams();
    const asked = { ...options, output, share: [100, 25], seeds: 2 };
    expect(await finetuneClassifiers(target, asked, told)).toBe(0);
    const report = JSON.parse(told.written.out) as FinetuneReport;
    expect([report.planned, report.results.length]).toEqual([8, 8]);
    expect(Object.keys(report.before)).toEqual(['one', 'other']);
    expect(report.results.map(({ images }) => images)).toEqual([10, 10, 40, 40, 10, 10, 40, 40]);
    for (const { figure, best } of report.results) expect(best).toBeGreaterThanOrEqual(figure);
    expect(readdirSync(output).sort()).toEqual([
      'finetune.svg',
      'form.json',
      'images',
      'networks',
      'report.html',
      'results.csv',
      'results.json',
      'runs',
    ]);
    const rows = readFileSync(join(output, 'results.csv'), 'utf8').trim().split('\n');
    expect(rows[0]).toBe('network,share,seed,images,top1,best_top1');
    expect(rows).toHaveLength(1 + 2 + 8);
    expect(readFileSync(join(output, 'report.html'), 'utf8')).toContain('<td>other</td>');
    expect(existsSync(join(output, 'networks', 'one-25-0', 'model_best.pth'))).toBe(true);

    // What is there is not done again, and one that is missing comes out the same.
    rmSync(join(output, 'runs', 'one-25-1.json'));
    rmSync(join(output, 'networks', 'one-25-1'), { recursive: true });
    const again = streams();
    expect(await finetuneClassifiers(target, asked, again)).toBe(0);
    expect(again.written.err.match(/is done/g)).toHaveLength(1);
    const figures = (text: string) =>
      (JSON.parse(text) as FinetuneReport).results.map(({ id, figure, best }) => [id, figure, best]);
    expect(figures(again.written.out)).toEqual(figures(told.written.out));

    const text = streams();
    await finetuneClassifiers(target, { ...asked, json: false, report: true }, text);
    expect(text.written.out).toMatch(/network +0 % +25 % +100 %/);
    await expect(finetuneClassifiers(target, { ...asked, lr: 1 }, streams())).rejects.toThrow(
      'one of the same form',
    );
  });

  it('goes on after it was killed', { timeout: 120_000 }, async () => {
    const [target, place] = [tmp(), tmp()];
    await colours(target);
    writeClassifier(join(place, 'one.pth'), 1);
    const args = [
      'finetune',
      target,
      '--checkpoint',
      join(place, 'one.pth'),
      '--share',
      '50',
      '100',
      '--seeds',
      '1',
    ];
    const more = ['--epochs', '3', '--batch-size', '8', '--workers', '0', '--output', join(place, 'killed')];
    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args, ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.stderr.on('data', (data: Buffer) => {
      if (String(data).includes('is done')) child.kill('SIGKILL');
    });
    await ended;
    const options = {
      ...COMMON,
      epochs: 3,
      checkpoint: [join(place, 'one.pth')],
      share: [50, 100],
      seeds: 1,
    };
    delete (options as { lr?: number }).lr;
    const [resumed, whole] = [streams(), streams()];
    expect(await finetuneClassifiers(target, { ...options, output: join(place, 'killed') }, resumed)).toBe(0);
    expect(await finetuneClassifiers(target, { ...options, output: join(place, 'whole') }, whole)).toBe(0);
    const figures = (text: string) =>
      (JSON.parse(text) as FinetuneReport).results.map(({ id, figure }) => [id, figure]);
    expect(figures(resumed.written.out)).toEqual(figures(whole.written.out));
  });

  it('refuses networks of one name, classes in another order, and folders of another form', async () => {
    const [target, place] = [tmp(), tmp()];
    await colours(target);
    const path = join(place, 'one.pth');
    writeClassifier(path, 1);
    const call = (checkpoint: string[]) =>
      finetuneClassifiers(target, { ...COMMON, checkpoint, output: join(place, 'o'), seeds: 1 }, streams());
    await expect(call([path, `one=${path}`])).rejects.toThrow('two called "one"');
    await expect(call([`a/b=${path}`])).rejects.toThrow('Expected a name of letters');
    mkdirSync(join(target, 'train', 'aqua'));
    renameSync(join(target, 'val', 'blue'), join(target, 'val', 'aqua'));
    writeFileSync(
      join(target, 'train', 'aqua', 'x.png'),
      readFileSync(join(target, 'train', 'blue', '0.png')),
    );
    rmSync(join(target, 'train', 'blue'), { recursive: true });
    await expect(call([path])).rejects.toThrow('got "aqua" for "blue"');
  });
});

describe('ibn-net segment finetune', () => {
  it('trains on shares of the pairs', { timeout: 120_000 }, async () => {
    const [target, place] = [tmp(), tmp()];
    await writeScenes(target, { train: 12, val: 2 }, 48);
    manualSeed(1);
    const options = { widths: [8, 8, 8, 8] as [number, number, number, number] };
    const model = segment.create('fcn/resnet18_ibn_a', { ...options, numClasses: SHAPES.length });
    const checkpoint = join(place, 'fcn.pth');
    const args = { options: { widths: [8, 8, 8, 8] } };
    save({ arch: 'fcn/resnet18_ibn_a', args, classes: SHAPES, state_dict: model.stateDict() }, checkpoint);
    const told = streams();
    const asked = {
      ...COMMON,
      batchSize: 4,
      dataset: 'folder' as const,
      checkpoint: [checkpoint],
      share: [50],
      seeds: 1,
    };
    expect(await finetuneSegmenters(target, { ...asked, output: join(place, 'runs') }, told)).toBe(0);
    const report = JSON.parse(told.written.out) as FinetuneReport;
    expect(report.results).toMatchObject([{ network: 'fcn', share: 50, images: 6 }]);
    expect(report.results[0]?.figure).toBeGreaterThan(0);
    expect(report.before.fcn).toBeGreaterThanOrEqual(0);

    // What lies in the target is of the form.
    const form = join(place, 'runs', 'form.json');
    const saved = JSON.parse(readFileSync(form, 'utf8')) as object;
    expect(saved).toMatchObject({ dataset: 'folder' });
    writeFileSync(form, JSON.stringify({ ...saved, dataset: 'cityscapes' }));
    const again = { ...asked, output: join(place, 'runs'), report: true };
    await expect(finetuneSegmenters(target, again, streams())).rejects.toThrow(
      '"cityscapes" for --dataset, not "folder"',
    );
    const wide = { ...asked, output: join(place, 'wide'), crop: [48, 48, 48] };
    await expect(finetuneSegmenters(target, wide, streams())).rejects.toThrow('for --crop, got 48 48 48');
    expect(existsSync(wide.output)).toBe(false);
  });
});
