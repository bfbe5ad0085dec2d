import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../lib/errors.ts';
import { fixtureBytes, readFake } from './fake-backend.ts';

const files = [
  'geometry.zip.pth',
  'geometry.legacy.pth',
  'training.legacy.pth',
  'values.zip.pth',
  'views.pth',
];
const CASES = 600;

/** A small random generator, so that a failure can be repeated. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Overwrites, removes or repeats a few bytes. */
function mutate(bytes: Buffer, random: () => number): Buffer {
  let mutant = Buffer.from(bytes);
  for (let edits = 1 + random() * 3; edits > 0; edits--) {
    const at = Math.floor(random() * mutant.length);
    const end = at + Math.floor(random() * 8);
    const kind = random();
    if (kind < 0.6) mutant[at] = random() * 256;
    else if (kind < 0.8) mutant = Buffer.concat([mutant.subarray(0, at), mutant.subarray(end)]);
    else mutant = Buffer.concat([mutant.subarray(0, end), mutant.subarray(at)]);
  }
  return mutant;
}

describe('item 7: damaged checkpoints', () => {
  it.each(files)(`${CASES} damaged copies of %s are read or refused, in less than a second each`, (name) => {
    const random = randomFrom(name.length);
    const whole = fixtureBytes(name);
    let slowest = 0;
    for (let index = 0; index < CASES; index++) {
      const start = performance.now();
      expectReadOrRefused(mutate(whole, random));
      slowest = Math.max(slowest, performance.now() - start);
    }
    expect(slowest).toBeLessThan(1000);
  });
});

function expectReadOrRefused(bytes: Buffer): void {
  try {
    readFake(bytes, 'file.pth', { warn: () => {} });
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw new Error(bytes.toString('base64'), { cause: error });
  }
}
