import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failureOf, numbersIn, runExample } from '../helpers/example.ts';
import { fixture, root, tmp } from '../helpers/index.ts';

const program = 'names/train.mjs';

/** Names of two languages that differ in their last letters. */
function writeNames(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const stems = ['Ros', 'Mar', 'Ferr', 'Gall', 'Cont', 'Nov', 'Kow', 'Lew', 'Zíl', 'Bor'];
  const names = (ending: string) =>
    stems.flatMap((stem) => ['', 'a', 'e', 'o'].map((v) => `${stem}${v}${ending}`));
  writeFileSync(join(folder, 'Italian.txt'), `${names('ini').join('\n')}\n`);
  writeFileSync(join(folder, 'Polish.txt'), `${names('wski').join('\n')}\n`);
  return folder;
}

describe('examples/names', () => {
  it('learns endings as the same program in Python does, and tells the language of a new name', {
    timeout: 120_000,
  }, async () => {
    const folder = tmp();
    const data = writeNames(join(folder, 'names'));
    const common = ['--data', data, '--hidden', '16', '--batch-size', '8', '--epochs', '8', '--threads', '1'];
    const output = await runExample(
      program,
      [...common, '--predict', 'Dąbrowski', '--predict', 'Bellini'],
      folder,
    );
    expect(output).toMatch(/^68 names of 2 languages/);
    const losses = numbersIn(output, /loss ([\d.]+)/g);
    const python = fixture<{ losses: number[] }>('examples/names.json');
    expect(losses).toHaveLength(python.losses.length);
    for (const [epoch, loss] of python.losses.entries()) expect(losses[epoch]).toBeCloseTo(loss, 2);
    expect(output).toMatch(/Dąbrowski: Polish/);
    expect(output).toMatch(/Bellini: Italian/);
  });

  it('refuses what it does not know', async () => {
    const failures = [
      ['--epoch', '3'],
      ['--batch-size', '0'],
    ].map((args) => failureOf(program, args, root));
    const [option, number] = await Promise.all(failures);
    expect(option).toContain("Unknown option '--epoch'");
    expect(number).toBe('Expected a number of at least 1 for --batch-size, got 0');
  });
});
