import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DistributedEvalSampler, DistributedSampler } from '../../lib/index.ts';
import { root } from '../helpers/files.ts';

type Case = [
  length: number,
  replicas: number,
  shuffle: boolean,
  dropLast: boolean,
  epoch: number,
  ranks: number[][],
];
// By scripts/distributed/sampler.py.
const cases: Case[] = JSON.parse(readFileSync(join(root, 'test/fixtures/distributed/sampler.json'), 'utf8'));
const sized = (length: number) => Array.from({ length });

describe('DistributedSampler', () => {
  it('gives the indices of torch', () => {
    expect(cases.length).toBeGreaterThan(100);
    for (const [length, numReplicas, shuffle, dropLast, epoch, ranks] of cases) {
      for (const [rank, expected] of ranks.entries()) {
        const options = { numReplicas, rank, shuffle, dropLast, seed: 11 };
        const sampler = new DistributedSampler(sized(length), options);
        sampler.setEpoch(epoch);
        expect([...sampler], JSON.stringify([length, options, epoch])).toEqual(expected);
        expect(sampler.length).toBe(expected.length);
      }
    }
  });

  it('goes on in the middle of an epoch with another number of ranks, each sample once', () => {
    const epoch = (numReplicas: number, skipped: number) =>
      Array.from({ length: numReplicas }, (_, rank) => {
        const sampler = new DistributedSampler(sized(24), { numReplicas, rank });
        sampler.setEpoch(2);
        sampler.skip(skipped);
        return [...sampler];
      });
    const before = epoch(2, 0).map((indices) => indices.slice(0, 6));
    const after = epoch(3, 12);
    expect([...before, ...after].flat().sort((a, b) => a - b)).toEqual(
      Array.from({ length: 24 }, (_, i) => i),
    );
  });

  it('refuses bad ranks, seeds and options', () => {
    const make = (options: object) => () =>
      new DistributedSampler([1, 2], { numReplicas: 2, rank: 0, ...options });
    expect(make({ rank: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected an integer from 0 to 1 for DistributedSampler rank, got 2]`,
    );
    expect(make({ seed: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected an integer of at least 0 for DistributedSampler seed, got -1]`,
    );
    expect(make({ shufle: true })).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a known option for DistributedSampler, got "shufle"; did you mean shuffle?]`,
    );
    expect(() => new DistributedSampler([1])).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: The default process group is not there. Call and await distributed.initProcessGroup() first]`,
    );
  });
});

describe('DistributedEvalSampler', () => {
  it('gives each sample to one rank, in order, and knows how many', () => {
    for (const length of [0, 1, 2, 7, 24])
      for (const numReplicas of [1, 2, 3, 8]) {
        const ranks = Array.from({ length: numReplicas }, (_, rank) => {
          const sampler = new DistributedEvalSampler(sized(length), { numReplicas, rank });
          expect([...sampler]).toHaveLength(sampler.length);
          return [...sampler];
        });
        const all = Array.from({ length }, (_, i) => i);
        expect(ranks.flat().sort((a, b) => a - b)).toEqual(all);
        for (const some of ranks) expect(some).toEqual([...some].sort((a, b) => a - b));
      }
  });

  it('refuses ranks that there are not, and needs a group for the default', () => {
    expect(
      () => new DistributedEvalSampler([1], { numReplicas: 2, rank: 2 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected an integer from 0 to 1 for DistributedEvalSampler rank, got 2]`,
    );
    expect(() => new DistributedEvalSampler([1])).toThrow('distributed.initProcessGroup() first');
  });
});
