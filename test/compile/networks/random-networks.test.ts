import { afterAll, beforeAll, expect, it } from 'vitest';
import * as torch from '../../../lib/index.ts';
import { compareWithEager, type Outcome } from '../../../scripts/graphs/compare.mjs';

const FIRST = 1_000_000;
const COUNT = 400;

// scripts/fuzz-compile.mjs runs thousands of others.
const threads = torch.getNumThreads();
beforeAll(() => torch.setNumThreads(1));
afterAll(() => torch.setNumThreads(threads));

it('random networks equal eager mode, or are refused with the reason', async () => {
  const outcomes: (Outcome & { seed: number })[] = [];
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
    outcomes.push({ seed, ...(await compareWithEager(torch, seed)) });
  }
  expect(outcomes.filter(({ failure }) => failure !== undefined)).toEqual([]);
  const refused = outcomes.filter((outcome) => outcome.refused !== undefined).length;
  expect(COUNT - refused).toBeGreaterThan(COUNT / 3);
  expect(refused).toBeGreaterThan(0);
});
