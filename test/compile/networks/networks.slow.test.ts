import { beforeAll, describe, it } from 'vitest';
import { setNumThreads } from '../../../lib/tensor/index.ts';
import { OTHERS } from '../../helpers/networks.ts';
import { checkNetwork } from './networks.ts';

beforeAll(() => setNumThreads(1));

describe('plans of all other networks agree with eager', () => {
  it.each(OTHERS)('%s', checkNetwork);
});
