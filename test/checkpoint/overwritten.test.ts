import { spawnSync } from 'node:child_process';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FileSource } from '../../lib/checkpoint/byte-source.ts';
import { save } from '../../lib/checkpoint/index.ts';
import { readCheckpoint } from '../../lib/checkpoint/reader.ts';
import { NativeBackend } from '../../lib/checkpoint/storage/native-backend.ts';
import { CheckpointError } from '../../lib/errors.ts';
import { ones, scope } from '../../lib/tensor/index.ts';
import { dist, root, tmp } from '../helpers/files.ts';

const PRELUDE = `
import { closeSync, copyFileSync, ftruncateSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { checkpoint, hub, load, models, nn, noGrad, ones, save, scope } from '${pathToFileURL(join(dist, 'index.js'))}';
const [, path, other] = process.argv;
const network = (value) => {
  const model = new nn.Sequential(new nn.Linear(512, 512), new nn.Linear(512, 512));
  noGrad(() => model.parameters().forEach((parameter) => parameter.fill_(value)));
  return model;
};
const total = (model) => noGrad(() => scope(() => model.parameters().reduce((sum, p) => sum + p.sum().item(), 0)));
const NUMBERS = 2 * (512 * 512 + 512);
save(network(1).stateDict(), path);
save(network(2).stateDict(), other);
// As torch.save does: the file stays where it is, and is emptied first.
const overwrite = () => copyFileSync(other, path);
const expectTotal = (model, expected) => {
  const got = total(model);
  if (got !== expected) throw new Error('Expected ' + expected + ', got ' + got);
};
`;

function survives(program: string, name = 'checkpoint.pth'): void {
  const folder = tmp();
  const args = [
    '--input-type=module',
    '-e',
    PRELUDE + program,
    join(folder, name),
    join(folder, `other-${name}`),
  ];
  const { status, signal, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
}

const DAMAGES = {
  truncated: 'truncateSync(path, 0)',
  'cut in half': 'truncateSync(path, 1 << 20)',
  overwritten: 'overwrite()',
  'filled with other bytes': 'writeFileSync(path, Buffer.alloc(1 << 22, 7))',
  deleted: 'rmSync(path)',
};

describe.each(['checkpoint.pth', 'checkpoint.safetensors'])('%s that was loaded', (name) => {
  it.each(Object.entries(DAMAGES))('may be %s', (_, damage) => {
    survives(
      `
      const model = network(0);
      checkpoint.loadInto(model, path);
      const state = load(path);
      ${damage};
      expectTotal(model, NUMBERS);
      const copy = network(0);
      copy.loadStateDict(state);
      expectTotal(copy, NUMBERS);`,
      name,
    );
  });

  it('may be overwritten in the cache of hub', () => {
    survives(
      `
      const [, folder, file] = /^(.*)\\/([^/]*)$/.exec(path);
      const state = await hub.loadStateDictFromUrl('http://127.0.0.1:1/' + file, { modelDir: folder, offline: true, checkHash: false });
      const model = network(0);
      model.loadStateDict(state, { assign: true });
      overwrite();
      truncateSync(path, 100);
      expectTotal(model, NUMBERS);`,
      name,
    );
  });

  it('is loaded again by a server while a training script overwrites it', () => {
    survives(
      `
      const model = network(0);
      for (let round = 0; round < 10; round++) {
        checkpoint.loadInto(model, path);
        expectTotal(model, (round === 0 ? 1 : 2) * NUMBERS);
        overwrite();
        expectTotal(model, (round === 0 ? 1 : 2) * NUMBERS);
      }`,
      name,
    );
  });

  it('is read whole or refused while another process overwrites it again and again', () => {
    survives(
      `
      copyFileSync(path, path + '.first');
      const { Worker } = await import('node:worker_threads');
      const { setTimeout: sleep } = await import('node:timers/promises');
      const writer = new Worker(
        \`const { copyFileSync } = require('node:fs');
        const [, , path, first, second] = process.argv;
        for (let round = 0; ; round++) copyFileSync(round % 2 ? first : second, path);\`,
        { eval: true, execArgv: [], argv: [path, other, path + '.first'] });
      await sleep(50);
      const seen = { whole: 0, refused: 0 };
      for (let round = 0; round < 300; round++) {
        try {
          const got = scope(() => {
            const values = [...load(path).values()].map((value) => [value.min().item(), value.max().item()]);
            return [...new Set(values.flat())];
          });
          if (got.length !== 1) throw new Error('Expected one of the files, got numbers of ' + got);
          seen.whole++;
        } catch (error) {
          if (error.name !== 'CheckpointError') throw error;
          if (!['ERR_CHECKPOINT_READ', 'ERR_CHECKPOINT_CORRUPT'].includes(error.code)) throw error;
          seen.refused++;
        }
      }
      await writer.terminate();
      if (seen.refused === 0) throw new Error('Expected some reads to be disturbed, got none');`,
      name,
    );
  });
});

/** A file that is damaged while it is read: before the given read from it. */
class DisturbedSource extends FileSource {
  readonly #disturb: () => void;
  #left: number;

  constructor(path: string, reads: number, disturb: () => void) {
    super(path);
    this.#left = reads;
    this.#disturb = disturb;
  }

  override read(...place: Parameters<FileSource['read']>): Uint8Array {
    if (this.#left-- === 0) this.#disturb();
    return super.read(...place);
  }
}

const options = { mapLocation: 'cpu', warn: () => {} };

describe.each(['weights.pth', 'weights.safetensors'])('%s that is cut while it is read', (name) => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('is refused: before read %i', (reads) => {
    const path = join(tmp(), name);
    save(new Map(Array.from({ length: 3 }, (_, i) => [`weight${i}`, ones([512, 512])])), path);
    let isCut = false;
    const source = new DisturbedSource(path, reads, () => {
      truncateSync(path, 1 << 10);
      isCut = true;
    });
    const backend = new NativeBackend(source, undefined);
    const read = () => readCheckpoint(source, backend, options);
    try {
      if (reads < 2) expect(read).toThrow(CheckpointError);
      else scope(() => outcome(read));
      expect(source.hasChanged()).toBe(isCut);
    } finally {
      backend.close();
      source.close();
    }
  });
});

/** Cut after its last read, or a CheckpointError: never anything else. */
function outcome(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
  }
}
