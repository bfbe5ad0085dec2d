import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as checkpoint from '../../lib/checkpoint/index.ts';
import { formatDemo, runDemo } from '../../lib/cli/demo.ts';

const ASSETS = new URL('../../assets/', import.meta.url);
const FILE = new URL('fashion-mnist-resnet-ibn-a.pth', ASSETS);

describe('the embedded network', () => {
  it('names at least eight of its ten test images rightly', async () => {
    const rows = await runDemo();
    expect(rows).toHaveLength(10);
    expect(new Set(rows.map(({ truth }) => truth)).size).toBe(10);
    expect(rows.filter(({ prediction, truth }) => prediction.class === truth).length).toBeGreaterThanOrEqual(
      8,
    );
    const text = formatDemo(rows);
    for (const { file, truth } of rows) expect(text).toMatch(new RegExp(`${file} +${truth} `));
    expect(text).toContain(
      'npx ibn-net classify photo.jpg --model resnet50_ibn_a --checkpoint resnet50_ibn_a-d9d0bb7b.pth',
    );
  });

  it('comes from a checkpoint in the layout of the published script, under 4 MB, at 91 % or more', async () => {
    expect(statSync(FILE).size).toBeLessThan(4_000_000);
    const saved = checkpoint.load<Record<string, unknown>>(FILE);
    const keys = Object.keys(saved);
    expect(keys.slice(0, 5)).toEqual(['epoch', 'state_dict', 'acc', 'best_acc', 'optimizer']);
    expect(saved.best_acc).toBeGreaterThanOrEqual(91);
  });

  it('has a truth for every image', () => {
    const truths = JSON.parse(readFileSync(new URL('images/labels.json', ASSETS), 'utf8'));
    for (const file of Object.keys(truths))
      expect(statSync(new URL(`images/${file}`, ASSETS)).size).toBeGreaterThan(100);
  });
});
