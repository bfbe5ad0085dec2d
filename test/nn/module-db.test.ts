import { describe, expect, it } from 'vitest';
import { casesOf, families, replay } from './module-cases.ts';

/** What a family has at least: a fixture that lost its cases is no proof. */
const LEAST: Record<string, number> = { conv: 25, norm: 45, other: 100, pad: 30, pool: 80 };

describe('modules give what those of PyTorch give', () => {
  it('in every family', () => {
    expect(families).toEqual(expect.arrayContaining(Object.keys(LEAST)));
  });

  for (const family of families) {
    const cases = casesOf(family);
    it(`has cases of ${family}`, () => expect(cases.length).toBeGreaterThanOrEqual(LEAST[family] ?? 1));
    it.each(cases.map((entry) => [`${entry.name}, case ${entry.case}`, entry] as const))('%s', (_, entry) =>
      replay(entry),
    );
  }
});
