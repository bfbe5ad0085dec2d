import { beforeAll, describe, expect, it } from 'vitest';
import { getModel } from '../../../lib/models/index.ts';
import { setNumThreads } from '../../../lib/tensor/index.ts';
import { OTHERS, sizeFor } from '../../helpers/networks.ts';
import { largestError } from './run-networks.ts';

beforeAll(() => setNumThreads(2));

describe('all other networks, compiled, agree with eager', () => {
  it.each(OTHERS)('%s', async (name) => {
    expect(await largestError(() => getModel(name), {}, sizeFor(name))).toBeLessThan(1e-4);
  });
});

// The layers with most weight are divided in another way for each number of threads.
describe.each(['resnet50_ibn_a', 'resnext50_ibn_a'])('%s of one image agrees with eager', (name) => {
  it.each([1, 3, 5, 6, 7, 9, 12, 15])('on %i threads', async (threads) => {
    for (const size of [224, 160])
      expect(await largestError(() => getModel(name), { threads }, size)).toBeLessThan(1e-4);
  });
});
