import { describe, expect, it } from 'vitest';
import { load, stateDictOf } from '../../lib/checkpoint/index.ts';
import { fixturePath } from './fake-backend.ts';

describe('whole modules', () => {
  it('give their state dict', () => {
    const stateDict = stateDictOf(load(fixturePath('refused-module.zip.pth')));
    expect(Object.fromEntries([...stateDict].map(([key, { shape }]) => [key, shape]))).toMatchInlineSnapshot(`
      {
        "0.bias": [
          4,
        ],
        "0.weight": [
          4,
          3,
          3,
          3,
        ],
        "1.bias": [
          4,
        ],
        "1.num_batches_tracked": [],
        "1.running_mean": [
          4,
        ],
        "1.running_var": [
          4,
        ],
        "1.weight": [
          4,
        ],
        "4.bias": [
          2,
        ],
        "4.weight": [
          2,
          4,
        ],
      }
    `);
  });
});
