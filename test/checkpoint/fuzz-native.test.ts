import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { load } from '../../lib/checkpoint/index.ts';
import { ZipWriter } from '../../lib/checkpoint/zip/writer.ts';
import { CheckpointError } from '../../lib/errors.ts';
import { isTensor, memoryStats, ops, scope, type Tensor, UntypedStorage } from '../../lib/tensor/index.ts';
import { Cases, readSeeds } from '../../scripts/fuzz/checkpoint-cases.mjs';
import { fixturePath } from './fake-backend.ts';

// Sanitized builds are several times slower.
const CASES = process.env.IBN_NET_SANITIZE ? 3000 : 4000;
const SEED = 30;
const MOST_BYTES = 1 << 20;

const cases = new Cases(SEED, readSeeds(dirname(fixturePath('x'))), ZipWriter);
const folder = mkdtempSync(join(tmpdir(), 'ibn-net-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Reads every byte of the tensors in a value, through libtorch and as memory. */
function touch(value: unknown, seen = new Set<unknown>()): number {
  if (typeof value !== 'object' || value === null || seen.has(value)) return 0;
  seen.add(value);
  if (isTensor(value)) return touchTensor(value);
  if (value instanceof UntypedStorage) return Buffer.from(value.bytes()).length >= 0 ? 1 : 0;
  const inner = value instanceof Map ? [...value.keys(), ...value.values()] : Object.values(value);
  return inner.reduce<number>((sum, item) => sum + touch(item, seen), 0);
}

function touchTensor(tensor: Tensor): number {
  // A tensor of stride 0 may stand for more elements than there is memory.
  if (tensor.device !== 'cpu' || tensor.numel() * tensor.itemsize > MOST_BYTES) return 1;
  // libtorch itself does not clone all quantized ones.
  if (tensor.dtype.startsWith('q')) ops.aten.int_repr(tensor);
  else tensor.detach().clone();
  return 1;
}

/** By turns from memory, mapped, and read from a file. */
function readCase(index: number): number {
  const { bytes, kind } = cases.at(index);
  const path = join(folder, `${index % 3}.${kind}`);
  if (index % 3 > 0) writeFileSync(path, bytes);
  try {
    return scope(() => touch(load(index % 3 > 0 ? path : bytes, { mmap: index % 3 === 1 })));
  } catch (error) {
    if (error instanceof CheckpointError) return 0;
    throw new Error(`case ${index} of seed ${SEED}`, { cause: error });
  }
}

describe('damaged checkpoints in libtorch', () => {
  it('are read or refused, tensors stay in their memory, and nothing is left behind', () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const before = memoryStats().tensors;
    let tensors = 0;
    for (let index = 0; index < CASES; index++) tensors += readCase(index);
    expect(tensors).toBeGreaterThan(CASES / 4);
    expect(memoryStats().tensors).toBe(before);
    vi.restoreAllMocks();
  });
});
