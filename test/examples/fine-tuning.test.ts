import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkpoint, load, type Tensor } from '../../lib/index.ts';
import { runNode } from '../data/python-pillow.ts';
import { failureOf, numbersIn, runExample } from '../helpers/example.ts';
import { fixture, root, tmp } from '../helpers/index.ts';

interface Epoch {
  readonly train: [loss: number, accuracy: number];
  readonly val: [loss: number, accuracy: number];
}

const program = 'fine-tuning/train.mjs';
const isFrozen = (key: string) => /^(conv1|bn1|layer1|layer2)\./.test(key);

describe('examples/fine-tuning', () => {
  it('learns as the same program in Python does, and leaves the frozen layers alone', async () => {
    const folder = tmp();
    runNode('scripts/examples/photos.mjs', join(folder, 'photos'));
    const weights = join(folder, 'photos/weights.pth');
    const sizes = ['--size', '32', '--epochs', '3', '--step-size', '2', '--batch-size', '8'];
    const args = ['--weights', weights, ...sizes, '--sequential', '--threads', '1'];
    const output = await runExample(program, args, folder);

    // Held to SSE4 the third epoch's losses differ by 1.2e-3.
    const { epochs } = fixture<{ epochs: Epoch[] }>('examples/fine-tuning.json');
    const losses = numbersIn(output, /loss ([\d.]+)/g);
    const expected = epochs.flatMap(({ train, val }) => [train[0], val[0]]);
    expect(losses).toHaveLength(expected.length);
    for (const [i, loss] of expected.entries()) expect(losses[i]).toBeCloseTo(loss, 2);
    const accuracies = epochs.map(({ val: [, accuracy] }) => accuracy);
    expect(numbersIn(output, /val loss [\d.]+ accuracy ([\d.]+)/g)).toEqual(
      accuracies.map((accuracy) => Number(accuracy.toFixed(2))),
    );

    const best = load<{ epoch: number; best_acc: number; arch: string; classes: string[] }>(
      join(folder, 'best.pth'),
    );
    expect(best).toMatchObject({ arch: 'resnet18_ibn_a', classes: ['bar', 'disc'] });
    expect(best.epoch).toBe(accuracies.indexOf(Math.max(...accuracies)) + 1);
    const before = load<Map<string, Tensor>>(weights);
    const after = checkpoint.stateDictOf(best);
    const same = [...after.keys()].filter((key) => before.get(key)?.equal(after.get(key) as Tensor));
    expect(same).toEqual([...before.keys()].filter(isFrozen));
  });

  it('refuses what it does not know, and photos to compare of other classes', async () => {
    const folder = tmp();
    for (const part of ['train/ant', 'train/bee', 'val/ant', 'val/bug']) {
      mkdirSync(join(folder, part), { recursive: true });
      copyFileSync(join(root, 'assets/images/18-bag.png'), join(folder, part, 'a.png'));
    }
    const failures = [
      ['--learning-rate', '1'],
      ['--gamma', 'none'],
      ['--data', '.'],
    ].map((args) => failureOf(program, args, folder));
    const [option, number, classes] = await Promise.all(failures);
    expect(classes).toBe('Expected ant, bee in val, got ant, bug');
    expect(option).toContain("Unknown option '--learning-rate'");
    expect(number).toBe('Expected a number of at least 0 for --gamma, got none');
  });
});
