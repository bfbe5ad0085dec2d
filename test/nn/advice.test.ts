import { describe, expect, it } from 'vitest';
import { models, ops, zeros } from '../../lib/index.ts';
import { message } from './messages.ts';

const x = zeros([3, 32, 32]);

describe('errors say what to write', () => {
  it('for an image that is no batch', () => {
    const model = models.resnet18_ibn_a({ stem: 'small' }).eval();
    expect(() => model.forward(x)).toThrow(
      'Expected 4D input for BatchNorm2d, got 3D input; a network takes batches: give one image as x.unsqueeze(0), (1, C, H, W)',
    );
    expect(model.forward(x.unsqueeze(0)).shape).toEqual([1, 1000]);
  });

  it('for dimensions one by one', () => {
    const permute = ops.aten.permute as (...args: unknown[]) => unknown;
    expect(message(() => permute(x, 2, 0, 1))).toMatchInlineSnapshot(
      `"TypeError: Expected at most 2 arguments for aten::permute, got 4; several dimensions or sizes are one array: [2, 0, 1]"`,
    );
    // @ts-expect-error dimensions are one array
    expect(() => x.sum(0, 1)).toThrow('; several dimensions or sizes are one array: [0, 1]:\n');
    expect(x.permute(2, 0, 1).shape).toEqual([32, 3, 32]);
  });
});
