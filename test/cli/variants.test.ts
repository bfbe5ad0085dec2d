import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { save } from '../../lib/checkpoint/index.ts';
import { reproduce } from '../../lib/cli/reproduce/run-reproduce.ts';
import { otherDomain } from '../../lib/cli/variants/domains.ts';
import { jobsOf, type VariantsOptions } from '../../lib/cli/variants/form.ts';
import { runVariants } from '../../lib/cli/variants/run-variants.ts';
import type { VariantResult } from '../../lib/cli/variants/train-variant.ts';
import { writePng } from '../../lib/data/index.ts';
import * as models from '../../lib/models/index.ts';
import type * as studies from '../../lib/studies/index.ts';
import { cudaInfo, full, Generator, manualSeed, randint } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/index.ts';

function streams(onText: (text: string) => void = () => {}) {
  const written = { out: '', err: '' };
  return {
    written,
    stdout: { write: (text: string) => (written.out += text) },
    stderr: {
      write: (text: string | Uint8Array) => {
        written.err += String(text);
        onText(String(text));
        return true;
      },
      isTTY: false,
    },
  };
}

/** Red and blue noise as two classes, brighter in the domain `other`. */
async function writeFolder(): Promise<string> {
  const root = tmp();
  const generator = new Generator().manualSeed(1);
  for (const [part, count, light] of [
    ['train', 12, 0],
    ['val', 6, 0],
    ['other', 6, 40],
  ] as const) {
    for (const [at, name] of ['blue', 'red'].entries()) {
      await mkdir(join(root, part, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const image = randint(0, 100, [3, 16, 16], { dtype: 'uint8', generator }).add(
          full([], light, { dtype: 'uint8' }),
        );
        image.select(0, at === 0 ? 2 : 0).add_(60);
        await writePng(image, join(root, part, name, `${i}.png`));
      }
    }
  }
  return root;
}

const optionsFor = (root: string, output: string): VariantsOptions => ({
  ...{ output, data: root, test: [`other=${join(root, 'other')}`], quick: true, seeds: 2, jobs: 1 },
  ...{ widths: [4, 4, 8, 8], size: 16, epochs: 2, batchSize: 8, device: 'cpu' },
  variant: ['none', 'b', 'groups none'],
});

const resultsIn = (output: string) =>
  (JSON.parse(readFileSync(join(output, 'results.json'), 'utf8')) as { results: VariantResult[] }).results;

/** What does not depend on how long it took. */
const figures = (output: string) => resultsIn(output).map(({ cpuSeconds: _, ...rest }) => rest);

describe('ibn-net variants', () => {
  it('trains each network once, and measures it on all domains and changes', async () => {
    const output = join(tmp(), 'sweep');
    const told = streams();
    expect(await runVariants(optionsFor(await writeFolder(), output), told)).toBe(0);
    const results = resultsIn(output);
    expect(results.map(({ variant, seed }) => `${variant} ${seed}`)).toEqual([
      'none 0',
      'b 0',
      'none 1',
      'b 1',
    ]);
    for (const { errors, samples, divergences, parameters } of results) {
      expect(Object.keys(errors)).toEqual(['origin', 'RGB+50', 'R+50', 'std x1.5', 'other']);
      expect(Object.values(samples)).toEqual([12, 12, 12, 12, 12]);
      expect(divergences?.features).toHaveLength(9);
      expect(parameters).toBeGreaterThan(1000);
    }
    // Instance normalisation of the stem takes a gain off again.
    for (const { variant, errors } of results)
      if (variant === 'b') expect(errors['std x1.5']).toBe(errors.origin);
    expect(told.written.out).toContain('4 of 4 networks');
    expect(readFileSync(join(output, 'results.csv'), 'utf8').trim().split('\n')).toHaveLength(1 + 4 * 5);
    const html = readFileSync(join(output, 'report.html'), 'utf8');
    expect(html.match(/<svg/g)).toHaveLength(2);
  });

  it('goes on after a stop with the figures of a sweep that was never stopped', async () => {
    const root = await writeFolder();
    const [whole, stopped] = [join(tmp(), 'whole'), join(tmp(), 'stopped')];
    expect(await runVariants(optionsFor(root, whole), streams())).toBe(0);
    const stop = streams((text) => {
      if (text.startsWith('none-0 is done')) process.emit('SIGTERM');
    });
    expect(await runVariants(optionsFor(root, stopped), stop)).toBe(75);
    expect(resultsIn(stopped)).toHaveLength(1);
    expect(await runVariants(optionsFor(root, stopped), streams())).toBe(0);
    expect(figures(stopped)).toEqual(figures(whole));
  });

  it('refuses a folder of another form, classes that differ, and a test set without data', async () => {
    const root = await writeFolder();
    const output = join(tmp(), 'sweep');
    const options = { ...optionsFor(root, output), variant: ['none'], seeds: 1, epochs: 1 };
    await runVariants(options, streams());
    await expect(runVariants({ ...options, batchSize: 6 }, streams())).rejects.toThrow(
      `Expected a new folder, or one of the same form, for --output, got ${output}, whose runs have 8 for --batch-size, not 6`,
    );
    await mkdir(join(root, 'other/green'));
    writeFileSync(join(root, 'other/green/a.png'), readFileSync(join(root, 'other/red/0.png')));
    await expect(runVariants({ ...options, output: join(tmp(), 'new') }, streams())).rejects.toThrow(
      /Expected the 2 classes of train in .*other, got 3, "green" among them/,
    );
    const { data: _, ...without } = options;
    await expect(runVariants(without, streams())).rejects.toThrow('Expected --data beside --test, got none');
    await expect(runVariants({ ...options, packages: 'x' }, streams())).rejects.toThrow(
      'Expected no --packages beside --data, which draws no emoji; leave it out',
    );
    await expect(runVariants({ ...options, seeds: 1001 }, streams())).rejects.toThrow(
      'Expected at most 1000 for --seeds, got 1001',
    );
    for (const [test, message] of [
      [['origin=x'], /Expected a name other than origin, RGB\+50, R\+50, std x1.5 for --test, got "origin"/],
      [['R+50=x'], /Expected a name other than .* for --test, got "R\+50"/],
      [['a=x', 'a=y'], 'Expected domains of different names for --test, got two called "a"'],
      [['x'], 'Expected NAME=FOLDER for --test, got "x"'],
    ] as const)
      await expect(runVariants({ ...options, test: [...test] }, streams())).rejects.toThrow(message);
    await expect(runVariants({ ...options, variant: ['e'] }, streams())).rejects.toThrow(
      /Expected one of "none", .*got "e"/,
    );
  });
});

describe('a folder of ibn-net variants', () => {
  it('is begun for what can be trained alone', async () => {
    const root = await writeFolder();
    const output = join(tmp(), 'sweep');
    const options = optionsFor(root, output);
    await expect(runVariants({ ...options, data: join(root, 'no') }, streams())).rejects.toThrow(
      `Expected a folder of classes for --data, got ${join(root, 'no', 'train')}, which is not there`,
    );
    await expect(runVariants({ ...options, test: ['other=nowhere'] }, streams())).rejects.toThrow(
      'Expected a folder of classes for --test, got nowhere, which is not there',
    );
    if (cudaInfo().reason !== null)
      await expect(runVariants({ ...options, device: 'cuda' }, streams())).rejects.toThrow(
        'Expected a CUDA device for --device cuda, got none',
      );
    await expect(runVariants({ output, report: true }, streams())).rejects.toThrow(
      `Expected a folder with runs for --output, got ${output}, which has no form.json`,
    );
    expect(existsSync(output)).toBe(false);
  });

  it('is reported by its own form and seeds, and whole though a part was asked for', async () => {
    const output = join(tmp(), 'sweep');
    const options = { ...optionsFor(await writeFolder(), output), epochs: 1 };
    await runVariants({ ...options, variant: ['d'], seeds: 1 }, streams());
    await runVariants({ ...options, variant: ['none'] }, streams());
    const names = () => resultsIn(output).map(({ id }) => id);
    expect(names()).toEqual(['none-0', 'd-0', 'none-1']);
    const told = streams();
    expect(await runVariants({ output, report: true, variant: ['none'], json: true }, told)).toBe(0);
    const { results, planned } = JSON.parse(told.written.out) as { results: object[]; planned: number };
    expect([results.length, planned]).toEqual([2, 2]);
    expect(await reproduce('table1', { output, report: true }, streams())).toBe(0);
    expect(names()).toEqual(['none-0', 'd-0', 'none-1']);
    await expect(runVariants({ output, report: true, size: 32 }, streams())).rejects.toThrow(
      'whose runs have 16 for --size, not 32',
    );
  });

  it('has as many networks at once as cores, but one on a CUDA device', () => {
    expect(jobsOf({ output: 'x' })).toBe(availableParallelism());
    expect(jobsOf({ output: 'x', device: 'cuda' })).toBe(1);
    expect(jobsOf({ output: 'x', device: 'cuda', jobs: 2 })).toBe(2);
  });
});

describe('the domain that stands for Monet', () => {
  const run = (...names: string[]) => ({ errors: Object.fromEntries(names.map((name) => [name, 1])) });
  it('is the one called so, in any case, else the first that is no change of images', () => {
    expect(otherDomain([run('origin', 'RGB+50', 'R+50', 'std x1.5', 'sketch', 'MONET')])).toEqual({
      Monet: 'MONET',
    });
    expect(otherDomain([run('origin', 'std x1.5'), run('origin', 'sketch', 'photo')])).toEqual({
      Monet: 'sketch',
    });
    expect(otherDomain([run('origin', 'R+50')])).toEqual({});
  });
});

describe('ibn-net reproduce', () => {
  it('measures a table and a figure in one folder, and says what that says of the claims', async () => {
    const root = await writeFolder();
    const output = join(tmp(), 'sweep');
    const { variant: _, ...options } = optionsFor(root, output);
    const table = streams();
    expect(await reproduce('table1', options, table)).toBe(0);
    expect(table.written.out).toContain('"Another style" is Monet in the paper, and other here\n');
    expect(table.written.err).toContain('6 networks to train');
    expect(table.written.out).toMatch(/IBN-Net50-b +23.64 +\d+\.\d ± \d/);
    expect(table.written.out).toMatch(
      /IBN-b loses less by std x1.5 than the plain network +\+15.74 +[+-]\d+\.\d\d ± \d+\.\d\d +(holds|contradicted|undecided)/,
    );
    const figure = streams();
    expect(await reproduce('fig5', options, figure)).toBe(0);
    expect(figure.written.err).toBe('');
    expect(figure.written.out).toMatch(/layer4\.1 +\d/);
    expect(figure.written.out).toMatch(/divergence of classes grows with depth/);
    const saved = JSON.parse(readFileSync(join(output, 'fig5.json'), 'utf8')) as {
      claims: studies.JudgedDepth[];
    };
    expect(saved.claims.map(({ measured }) => measured?.count)).toEqual([2, 2, 2, 2, 2]);
    await expect(reproduce('table3', { ...options, pretrained: true }, streams())).rejects.toThrow(
      'Expected --pretrained and --checkpoint for table1 alone, got table3; leave them out',
    );
  });

  it('holds errors of weights against the published ones', { timeout: 120_000 }, async () => {
    const root = await writeFolder();
    const output = join(tmp(), 'published');
    const file = join(root, 'plain.pth');
    renameSync(join(root, 'val/blue'), join(root, 'val/n01440764'));
    renameSync(join(root, 'val/red'), join(root, 'val/n01443537'));
    renameSync(join(root, 'other/blue'), join(root, 'other/n01440764'));
    renameSync(join(root, 'other/red'), join(root, 'other/n01443537'));
    writeFileSync(join(root, 'other/n01443537/damaged.png'), 'no image');
    manualSeed(1);
    const model = models.resnet50();
    save(model.stateDict(), file);
    model.dispose();
    const told = streams();
    const options = { output, data: join(root, 'val') };
    const checkpoint = [`none=${file}`];
    const test = [`MoNet=${join(root, 'other')}`];
    // An image of the other domain cannot be read.
    expect(await reproduce('table1', { ...options, checkpoint, test }, told)).toBe(1);
    expect(told.written.err).toContain('damaged.png');
    const { rows } = JSON.parse(readFileSync(join(output, 'table1.json'), 'utf8')) as {
      rows: { network: string; condition: string; measured?: number; verdict: string }[];
    };
    const plain = rows.filter(({ network }) => network === 'ResNet50');
    expect(plain.map(({ condition }) => condition)).toEqual([
      'origin',
      'RGB+50',
      'R+50',
      'std x1.5',
      'Monet',
    ]);
    // Weights that learned nothing are far from the paper's 24.27.
    expect(plain.map(({ verdict }) => verdict)).toEqual(Array(5).fill('differs'));
    expect(
      rows.filter(({ network }) => network !== 'ResNet50').every(({ verdict }) => verdict === 'not measured'),
    ).toBe(true);
    expect(told.written.out).toMatch(/ResNet50 +origin +24.27 +\d+\.\d\d +0.3 +differs/);
    for (const [tests, got] of [
      [['sketch=x'], '"sketch=x"'],
      [['monet=x', 'Monet=y'], 'two'],
    ] as const)
      await expect(
        reproduce('table1', { ...options, checkpoint, test: [...tests] }, streams()),
      ).rejects.toThrow(
        `Expected one monet=FOLDER for --test beside --pretrained or --checkpoint, got ${got}; Table 1 has no other domain`,
      );
    await expect(reproduce('table1', { ...options, checkpoint, batchSize: 8 }, streams())).rejects.toThrow(
      'Expected no --batch-size beside --pretrained and --checkpoint, which train nothing; leave it out',
    );
    await expect(reproduce('table1', { ...options, evalBatch: 8 }, streams())).rejects.toThrow(
      'Expected --pretrained or --checkpoint beside --eval-batch, got neither; leave it out',
    );
    await expect(reproduce('table1', { ...options, checkpoint: ['c=x.pth'] }, streams())).rejects.toThrow(
      'Expected none, a, b = a path for --checkpoint, got "c=x.pth"',
    );
  });
});
