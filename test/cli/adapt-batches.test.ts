import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AdaptOptions } from '../../lib/cli/adapt/adapt-options.ts';
import type { AdaptTask } from '../../lib/cli/adapt/adapt-task.ts';
import { adaptAndTell } from '../../lib/cli/adapt/run-adapt.ts';
import { transforms, writePng } from '../../lib/data/index.ts';
import * as nn from '../../lib/nn/index.ts';
import { randint, setNumThreads, Tensor } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/files.ts';

class Small extends nn.Module {
  readonly norm = new nn.BatchNorm2d(3);
  calls = 0;
  /** How many batches it takes. */
  most = Infinity;

  forward(x: Tensor): Tensor {
    if (++this.calls > this.most) throw new Error('enough');
    return this.norm.forward(x).mean([2, 3]);
  }
}

/** Batches that are taken to a device while something is done, there and here. */
async function batchesOf(work: () => Promise<unknown>): Promise<Tensor[]> {
  const seen: Tensor[] = [];
  const to = Tensor.prototype.to;
  const spy = vi.spyOn(Tensor.prototype, 'to').mockImplementation(function (
    this: Tensor,
    ...args: unknown[]
  ) {
    const moved = Reflect.apply(to, this, args) as Tensor;
    if (this.dim() === 4) seen.push(this, moved);
    return moved;
  });
  await work().finally(() => spy.mockRestore());
  return seen;
}

const alive = (tensors: readonly Tensor[]) => tensors.filter(({ disposed }) => !disposed).length;

const IMAGES = 40;
let target = '';

beforeAll(async () => {
  setNumThreads(1);
  target = mkdtempSync(join(tmpdir(), 'ibn-adapt-batches-'));
  for (let i = 0; i < IMAGES; i++)
    await writePng(randint(0, 256, [3, 8, 8], { dtype: 'uint8' }), join(target, `${i}.png`));
});

afterAll(() => rmSync(target, { recursive: true }));

async function adaptWith(model: Small, options: Partial<AdaptOptions>): Promise<void> {
  const plain = new transforms.Compose([]);
  const task: AdaptTask = {
    ...{ model, name: 'small', target, test: undefined, noTest: undefined, extra: {} },
    views: {
      shape: plain,
      keep: plain,
      spoil: plain,
      normalise: new transforms.Compose([new transforms.ToTensor()]),
    },
    figures: async () => ({}),
    source: () => undefined,
  };
  const common = {
    checkpoint: '',
    output: join(tmp(), 'a.pth'),
    device: 'cpu',
    batchSize: 4,
    workers: 0,
    seed: 1,
  };
  const streams = { stdout: { write: () => {} }, stderr: { write: () => {} } as never };
  expect(await adaptAndTell(async () => task, { ...common, method: 'tent', ...options }, streams)).toBe(0);
}

describe('batches of the target', () => {
  it('are disposed by every method, those that a guard judges by too', async () => {
    for (const [method, passes] of [
      ['adabn', 1],
      ['tent', 2],
    ] as const) {
      const seen = await batchesOf(() => adaptWith(new Small(), { method, bound: 1 }));
      expect(seen).toHaveLength(2 * (passes * 9 + 2 * 1));
      expect(alive(seen)).toBe(0);
    }
  });

  it('are disposed where a network fails', async () => {
    for (const most of [0, 1, 6]) {
      const model = Object.assign(new Small(), { most });
      const seen = await batchesOf(() => expect(adaptWith(model, { bound: 1 })).rejects.toThrow('enough'));
      expect(seen).toHaveLength(2 * (most + 1));
      expect(alive(seen)).toBe(0);
    }
  });
});
