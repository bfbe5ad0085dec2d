import { describe, it } from 'vitest';
import type * as reid from '../../../lib/reid/index.ts';
import { isDeep, VARIANTS } from './fast-reid-variants.ts';
import { compare, type Figures, published } from './figures.ts';

const FIGURES = published('fast-reid');

describe('FastReID and MGN', () => {
  it.each(Object.keys(VARIANTS).filter(isDeep))('%s is the published network', (name) => {
    const height = name.startsWith('MGN') ? 96 : 64;
    compare(VARIANTS[name] as () => reid.FastReID, FIGURES[name] as Figures, 255, height);
  });
});
