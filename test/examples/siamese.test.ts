import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as checkpoint from '../../lib/checkpoint/index.ts';
import { failureOf, numbersIn, runExample } from '../helpers/example.ts';
import { fixture, root, tmp } from '../helpers/index.ts';
import { writeStripes } from './stripes.ts';

const program = 'siamese/train.mjs';

describe('examples/siamese', () => {
  it('brings images of a class together as the same program in Python does, and saves its weights', {
    timeout: 120_000,
  }, async () => {
    const folder = tmp();
    const data = writeStripes(join(folder, 'siamese'), 0.25);
    const file = join(folder, 'siamese.pth');
    const sizes = ['--batch-size', '32', '--epochs', '2', '--embedding', '8'];
    const common = ['--data', data, ...sizes, '--threads', '1'];
    const output = await runExample(program, [...common, '--save', file], folder);
    const losses = numbersIn(output, /triplet loss ([\d.]+)/g);
    const python = fixture<{ losses: number[]; recalls: number[] }>('examples/siamese.json');
    expect(losses).toHaveLength(python.losses.length);
    for (const [epoch, loss] of python.losses.entries()) expect(losses[epoch]).toBeCloseTo(loss, 2);
    const recalls = numbersIn(output, /recall@1 ([\d.]+)/g); // the first untrained
    expect(recalls).toHaveLength(python.recalls.length);
    for (const [i, recall] of python.recalls.entries()) {
      expect(Math.abs((recalls[i] as number) - recall)).toBeLessThan(5); // of 100 images
    }
    expect([...checkpoint.load<Map<string, unknown>>(file).keys()]).toContain('embedding.weight');
  });

  it('refuses what it does not know', async () => {
    const failures = [
      ['--marjin', '1'],
      ['--margin', 'wide'],
    ].map((args) => failureOf(program, args, root));
    const [option, number] = await Promise.all(failures);
    expect(option).toContain("Unknown option '--marjin'");
    expect(number).toBe('Expected a number of at least 0 for --margin, got wide');
  });
});
