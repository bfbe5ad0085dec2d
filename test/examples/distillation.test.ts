import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load, type Tensor } from '../../lib/index.ts';
import { runNode } from '../data/python-pillow.ts';
import { failureOf, numbersIn, runExample } from '../helpers/example.ts';
import { fixture, root, tmp } from '../helpers/index.ts';

interface Trained {
  readonly losses: number[];
  readonly accuracy: number;
  readonly agreement: number;
}

const program = 'distillation/train.mjs';

describe('examples/distillation', () => {
  it('teaches a student, with the losses and answers of the same program in Python', async () => {
    const folder = tmp();
    runNode('scripts/examples/clothing.mjs', join(folder, 'clothing'));
    const sizes = ['--epochs', '3', '--batch-size', '24', '--threads', '1'];
    const output = await runExample(
      program,
      ['--data', 'clothing', ...sizes, '--save', 'student.pth'],
      folder,
    );
    const python = fixture<{ teacher: number; alone: Trained; taught: Trained }>(
      'examples/distillation.json',
    );
    const [teacher, ...accuracies] = numbersIn(output, /accuracy ([\d.]+)/g);
    expect(teacher).toBe(python.teacher);
    const losses = numbersIn(output, /loss ([\d.]+)/g);
    const agreements = numbersIn(output, /agreement ([\d.]+)/g);
    for (const [i, expected] of [python.alone, python.taught].entries()) {
      // Held to AVX2 and to SSE4 it prints the same digits; one image of 80 may fall on the other side.
      for (const [epoch, loss] of expected.losses.entries())
        expect(losses[3 * i + epoch]).toBeCloseTo(loss, 3);
      expect(Math.abs((accuracies[i] as number) - expected.accuracy)).toBeLessThan(1.3);
      expect(Math.abs((agreements[i] as number) - expected.agreement)).toBeLessThan(1.3);
    }
    const weights = load<Map<string, Tensor>>(join(folder, 'student.pth'));
    expect(weights.get('classifier.3.weight')?.shape).toEqual([10, 256]);
  });

  it('refuses what it does not know', async () => {
    const failures = [
      ['--temprature', '3'],
      ['--epochs', 'ten'],
    ].map((args) => failureOf(program, args, root));
    const [option, number] = await Promise.all(failures);
    expect(option).toContain("Unknown option '--temprature'");
    expect(number).toBe('Expected a number of at least 0 for --epochs, got ten');
  });
});
