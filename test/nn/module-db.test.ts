import { describe, expect, it } from 'vitest';
import { setNumThreads } from '../../lib/tensor/index.ts';
import { casesOf, families, replay } from './module-cases.ts';

/** What a family has at least: a fixture that lost its cases is no proof. */
const LEAST: Record<string, number> = {
  conv: 25,
  'ctc-loss': 40,
  'linear-loss': 230,
  loss: 238,
  norm: 45,
  other: 100,
  pad: 30,
  pool: 80,
  recurrent: 160,
  transformer: 400,
};
/** How many types module_db of PyTorch 2.13 has, without the lazy ones. */
const TYPES = 108;

describe('modules give what those of PyTorch give', () => {
  it('in every family', () => {
    expect(families).toEqual(expect.arrayContaining(Object.keys(LEAST)));
  });

  // A team of threads takes longer to meet than such small cases to compute.
  setNumThreads(1);

  it('of every type that PyTorch tests', () => {
    const inDatabase = families.flatMap(casesOf).filter(({ case: title }) => !title.startsWith('extra'));
    expect(new Set(inDatabase.map(({ name }) => name)).size).toBe(TYPES);
  });

  for (const family of families) {
    const cases = casesOf(family);
    it(`has cases of ${family}`, () => expect(cases.length).toBeGreaterThanOrEqual(LEAST[family] ?? 1));
    it.each(cases.map((entry) => [`${entry.name}, case ${entry.case}`, entry] as const))('%s', (_, entry) =>
      replay(entry),
    );
  }
});
