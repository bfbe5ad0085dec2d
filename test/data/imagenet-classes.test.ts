import { describe, expect, it } from 'vitest';
import { IMAGENET_CLASSES } from '../../lib/data/index.ts';

describe('classify, ImageNet class names', () => {
  it('are 1,000, in the order of the published models', () => {
    expect(IMAGENET_CLASSES).toHaveLength(1000);
    expect([0, 281, 285, 999].map((index) => IMAGENET_CLASSES[index])).toEqual([
      'tench',
      'tabby',
      'Egyptian cat',
      'toilet tissue',
    ]);
  });
});
