import { describe, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { compare, type Figures, published } from './figures.ts';

const FIGURES = published('strong-baseline');
const DEEP = Object.keys(FIGURES).filter((name) => /101|152|154/.test(name));

describe('StrongBaseline', () => {
  it.each(DEEP)('%s is the published network', (name) => {
    const backbone = name as reid.StrongBaselineBackbone;
    compare(() => new reid.StrongBaseline({ backbone }), FIGURES[name] as Figures);
  });
});
