import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../lib/index.ts';
import { runNode } from '../data/python-pillow.ts';
import { failureOf, numbersIn, runExample } from '../helpers/example.ts';
import { fixture, root, tmp } from '../helpers/index.ts';

const program = 'unet/train.mjs';

/** Labels of a mask, in row-major order. */
const labelsOf = async (...path: string[]) => {
  const mask = await decodeImage(join(...path));
  return mask.select(0, 0).flatten().toArray<number[]>();
};

/** Of each of three classes: pixels where both masks have it, over pixels where either has. */
function intersectionOverUnion(there: number[], found: number[]): number[] {
  return [0, 1, 2].map((label) => {
    const either = there.map((value, i) => [value === label, found[i] === label]);
    const both = either.filter(([a, b]) => a && b).length;
    return both / either.filter(([a, b]) => a || b).length;
  });
}

describe('examples/unet', () => {
  it('learns as the same program in Python does, and writes the masks whose IoU it prints', async () => {
    const folder = tmp();
    runNode('examples/unet/shapes.mjs', join(folder, 'data'), '40', '48');
    const sizes = ['--size', '48', '--features', '4', '--batch-size', '4', '--epochs', '5', '--lr', '0.02'];
    const args = ['--data', 'data', ...sizes, '--sequential', '--threads', '1', '--masks', 'found'];
    const output = await runExample(program, args, folder);

    const { epochs } = fixture<{ epochs: { loss: number }[] }>('examples/unet.json');
    const losses = numbersIn(output, /loss ([\d.]+)/g);
    expect(losses).toHaveLength(epochs.length);
    // Held to SSE4 they differ by 2e-4; IoU then differs by 0.02, as pixels beside edges fall on the other side.
    for (const [i, { loss }] of epochs.entries()) expect(losses[i]).toBeCloseTo(loss, 2);

    const names = readdirSync(join(folder, 'found'));
    expect(names).toHaveLength(8);
    const pairs = names.map((name) =>
      Promise.all([labelsOf(folder, 'data/masks', name), labelsOf(folder, 'found', name)]),
    );
    const read = await Promise.all(pairs);
    const ious = intersectionOverUnion(
      read.flatMap(([there]) => there),
      read.flatMap(([, found]) => found),
    );
    expect(Math.min(...ious)).toBeGreaterThan(0.7);
    const mean = ious.reduce((sum, iou) => sum + iou, 0) / 3;
    expect(mean).toBeGreaterThan(0.85);
    expect(numbersIn(output, /best IoU ([\d.]+)/g)[0]).toBeCloseTo(mean, 3);
  });

  it('refuses what it does not know', async () => {
    const failures = [
      ['--feature', '8'],
      ['--size', '100'],
    ].map((args) => failureOf(program, args, root));
    const [option, size] = await Promise.all(failures);
    expect(option).toContain("Unknown option '--feature'");
    expect(size).toBe('Expected a multiple of 16 for --size, got 100');
  });
});
