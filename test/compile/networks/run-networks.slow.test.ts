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
