import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BufferSource } from '../../lib/checkpoint/byte-source.ts';
import { DTYPE_LAYOUTS } from '../../lib/checkpoint/dtypes.ts';
import { readCheckpoint } from '../../lib/checkpoint/reader.ts';
import { ZipWriter } from '../../lib/checkpoint/zip/writer.ts';
import { readCase } from '../../scripts/fuzz/checking-backend.mjs';
import { Cases, readSeeds } from '../../scripts/fuzz/checkpoint-cases.mjs';
import { fixturePath } from './fake-backend.ts';

const CASES = 20_000;
const PARTS = 10;
// Another seed than the recorded run of scripts/fuzz-checkpoint.mjs, whose cases need not be repeated here.
const SEED = 20;

const modules = { BufferSource, DTYPE_LAYOUTS, readCheckpoint };
const cases = new Cases(SEED, readSeeds(dirname(fixturePath('x'))), ZipWriter);

interface Tally {
  readonly outcomes: Set<string>;
  slowest: number;
}

function run(index: number, tally: Tally): void {
  const { name, kind, bytes } = cases.at(index);
  const [start, used] = [performance.now(), process.cpuUsage()];
  try {
    tally.outcomes.add(`${kind} ${readCase(bytes, modules, kind).outcome}`);
  } catch (error) {
    throw new Error(`case ${index} of seed ${SEED}, from ${name}`, { cause: error });
  }
  // The processor's time, as far as other programs on the machine do not take it.
  const { user, system } = process.cpuUsage(used);
  tally.slowest = Math.max(tally.slowest, Math.min(performance.now() - start, (user + system) / 1000));
}

describe('damaged checkpoints', () => {
  const tally: Tally = { outcomes: new Set(), slowest: 0 };

  it.each(Array.from({ length: PARTS }, (_, part) => part))(
    'are read or refused without other errors, in less than a second and with bounded copies (part %i of 10)',
    (part) => {
      const first = (part * CASES) / PARTS;
      for (let index = first; index < first + CASES / PARTS; index++) run(index, tally);
      expect(tally.slowest).toBeLessThan(1000);
    },
  );

  it('reach every kind of end in every format', () => {
    expect([...tally.outcomes].sort()).toMatchInlineSnapshot(`
      [
        "deflated ERR_CHECKPOINT_BLOCKED_GLOBAL",
        "deflated ERR_CHECKPOINT_CORRUPT",
        "deflated ERR_CHECKPOINT_LIMIT",
        "deflated ERR_CHECKPOINT_UNSUPPORTED",
        "deflated read",
        "legacy ERR_CHECKPOINT_BLOCKED_GLOBAL",
        "legacy ERR_CHECKPOINT_CORRUPT",
        "legacy ERR_CHECKPOINT_LIMIT",
        "legacy ERR_CHECKPOINT_UNSUPPORTED",
        "legacy read",
        "safetensors ERR_CHECKPOINT_CORRUPT",
        "safetensors ERR_CHECKPOINT_UNSUPPORTED",
        "safetensors read",
        "zip ERR_CHECKPOINT_BLOCKED_GLOBAL",
        "zip ERR_CHECKPOINT_CORRUPT",
        "zip ERR_CHECKPOINT_LIMIT",
        "zip ERR_CHECKPOINT_UNSUPPORTED",
        "zip read",
      ]
    `);
  });
});
