import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { box, type FakeSet, writeIconPackages } from '../data/emoji-packages.ts';
import { failureOf, runExample } from '../helpers/example.ts';
import { root } from '../helpers/index.ts';
import { writeStripes } from './stripes.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-example-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const program = 'emoji-styles/study.mjs';
const FRUIT = ['red apple', 'green apple', 'pear', 'peach', 'lemon', 'banana', 'cherries', 'grapes', 'melon'];
const SMILES = [
  'grinning face',
  'winking face',
  'smirking face',
  'kissing face',
  'sleepy face',
  'skull',
  'robot',
];

/** Fruit lies and smiles stand, in a colour of the style's; no two are equal. */
function drawn(fill: string): FakeSet {
  const icons = Object.fromEntries([
    ...FRUIT.map((name, i) => [name.replace(' ', '-'), box(fill, 0, i / 2, 8, 2)]),
    ...SMILES.map((name, i) => [name.replace(' ', '-'), box(fill, i / 2, 0, 2, 8)]),
  ]);
  return { icons };
}

const COLOURS = {
  noto: '#f00',
  twemoji: '#0a0',
  openmoji: '#00f',
  'fluent-emoji': '#808',
  'fluent-emoji-flat': '#088',
  emojione: '#880',
  fxemoji: '#f80',
  'noto-v1': '#000',
  'emojione-v1': '#08f',
};

describe('examples/emoji-styles', () => {
  const sets = Object.fromEntries(Object.entries(COLOURS).map(([name, fill]) => [name, drawn(fill)]));
  const packages = writeIconPackages(join(scratch, 'sets'), sets);
  const data = writeStripes(join(scratch, 'stripes'));
  const cache = join(scratch, 'cache');
  const common = ['--quick', '--packages', packages, '--data', data, '--cache', cache, '--batch-size', '8'];
  const tiny = [...common, '--seeds', '1', '--epochs', '1'];

  it('compares three networks on styles and shifts, and writes tables', {
    timeout: 180_000,
  }, async () => {
    const output = join(scratch, 'whole');
    const printed = await runExample(
      program,
      [...tiny, '--only', 'styles', '--only', 'fashion', '--output', output],
      scratch,
    );
    expect(printed).toContain('9 runs, 0 of them done');
    expect(readdirSync(join(output, 'runs'))).toHaveLength(9);
    expect(readdirSync(join(output, 'checkpoints'))).toEqual([]);
    const record = JSON.parse(readFileSync(join(output, 'results.json'), 'utf8')) as {
      done: number;
      emoji: number;
      rows: { part: string; fold: string; test: string; plain: { mean: number } }[];
    };
    expect(record).toMatchObject({ done: 9, about: { emoji: 16 } });
    const testsOf = (part: string, fold: string) =>
      record.rows.filter((row) => row.part === part && row.fold === fold).map(({ test }) => test);
    const unseen = testsOf('styles', 'openmoji').filter((test) => test.startsWith('known: '));
    expect(unseen.sort()).toEqual(
      ['emojione', 'emojione-v1', 'fxemoji', 'openmoji'].map((name) => `known: ${name}`),
    );
    expect(testsOf('fashion', 'clean')).toEqual([
      'training set',
      'in-domain',
      'brightness',
      'contrast',
      'tint',
      'inversion',
      'texture',
    ]);
    const table = readFileSync(join(output, 'results.md'), 'utf8');
    expect(printed.endsWith(`\n${table}\n`)).toBe(true);
    const plot = readFileSync(join(output, 'results.svg'), 'utf8');
    expect(plot).toMatch(/^<svg /);
    for (const text of ['known: fxemoji', 'inversion', 'IBN-b']) expect(plot).toContain(`>${text}</text>`);
    const lines = readFileSync(join(output, 'results.csv'), 'utf8').trim().split('\n');
    expect(lines[0]).toBe('part,fold,variant,seed,test,samples,top1,loss');
    expect(lines).toHaveLength(1 + 3 * record.rows.length);
  });

  it('ends with the same figures when it was killed', { timeout: 180_000 }, async () => {
    const args = [...common, '--seeds', '1', '--epochs', '3', '--only', 'shading', '--jobs', '1'];
    const whole = join(scratch, 'unbroken');
    await runExample(program, [...args, '--output', whole], scratch);
    const parts = join(scratch, 'parts');
    const begun = spawn(process.execPath, [join(root, 'examples', program), ...args, '--output', parts], {
      cwd: scratch,
      stdio: 'ignore',
    });
    await firstCheckpoint(begun, join(parts, 'checkpoints/shading-fluent-emoji-plain-0'));
    begun.kill('SIGKILL');
    await noneLeft(parts);
    const printed = await runExample(program, [...args, '--output', parts], scratch);
    expect(printed).toContain('6 runs, ');
    expect(readFileSync(join(parts, 'results.csv'), 'utf8')).toBe(
      readFileSync(join(whole, 'results.csv'), 'utf8'),
    );
    expect(readFileSync(join(parts, 'results.csv'), 'utf8')).toContain('"known: fluent-emoji-flat"');
    const again = await runExample(program, [...args, '--output', parts], scratch);
    expect(again).toContain('6 runs, 6 of them done');
  });

  it('tells how much of a change instance normalisation can undo', async () => {
    const args = ['--packages', packages, '--data', data, '--cache', cache];
    const printed = await runExample('emoji-styles/explain.mjs', args, scratch);
    const shareOf = (row: string) => new RegExp(`│ ${row} +│ '([\\d.]+)'`).exec(printed)?.[1];
    expect(['contrast', 'tint', 'inversion'].map(shareOf)).toEqual(['1.00', '1.00', '0.00']);
    expect(Number(shareOf('texture'))).toBeLessThan(0.99);
    expect(printed).toMatch(/│ fluent-emoji-flat +│ '[01]\.\d\d'/);
  });

  it('says what is missing, and refuses what it does not know', async () => {
    const fails = (...args: string[]) => failureOf(program, args, scratch);
    const here = join(scratch, 'none');
    const taken = join(scratch, 'taken');
    const nothingDone = await runExample(
      program,
      [...tiny, '--only', 'fashion', '--report', '--output', taken],
      scratch,
    );
    expect(nothingDone).toContain('3 runs, 0 of them done');
    const messages = await Promise.all([
      fails(...common, '--only', 'style', '--output', here),
      fails(...common, '--seeds', '0', '--output', here),
      fails('--quick', '--only', 'fashion', '--data', scratch, '--output', join(scratch, 'no-data')),
      fails(...common, '--epochs', '2', '--output', taken),
    ]);
    expect(messages[0]).toBe('Expected styles, shading, fashion for --only, got style');
    expect(messages[1]).toBe('Expected a whole number of at least 1 for --seeds, got 0');
    expect(messages[2]).toMatch(/^Expected train-images.*; or leave it out by --only styles --only shading$/);
    expect(messages[3]).toMatch(/^Expected a new folder, or one of the same form, for --output, got /);
  });
});

/** Waits until no process is at work on a folder: those of a study end with it. */
async function noneLeft(folder: string): Promise<void> {
  const isAtWork = () => spawnSync('pgrep', ['-f', `run.mjs.*${folder}`]).status === 0;
  while (isAtWork()) await new Promise((next) => setTimeout(next, 20));
}

/** Waits until a run has saved itself, which the process must live to see. */
async function firstCheckpoint(child: ChildProcess, folder: string): Promise<void> {
  while (!existsSync(join(folder, 'checkpoint.pth'))) {
    if (child.exitCode !== null)
      throw new Error(`the study ended with ${child.exitCode} before a checkpoint`);
    await new Promise((next) => setTimeout(next, 5));
  }
}
