import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BufferSource, type ByteSource } from '../../lib/checkpoint/byte-source.ts';
import { layoutOf } from '../../lib/checkpoint/dtypes.ts';
import { type ReaderOptions, readCheckpoint } from '../../lib/checkpoint/reader.ts';
import type { TensorBackend } from '../../lib/checkpoint/storage/backend.ts';
import type { Recipe, TensorFields } from '../../lib/checkpoint/values.ts';

/** A storage without libtorch: bytes, whether they are the file's own, and the device. */
export class FakeStorage {
  constructor(
    readonly bytes: Uint8Array,
    readonly isShared: boolean,
    readonly device = 'cpu',
  ) {}
}

/** A tensor without libtorch. */
export class FakeTensor {
  constructor(
    readonly storage: FakeStorage,
    readonly fields: TensorFields,
  ) {}
}

/** A tensor of another kind without libtorch. */
export class FakeBuilt {
  constructor(
    readonly recipe: Recipe,
    readonly parts: readonly unknown[],
    readonly requiresGrad: boolean,
  ) {}
}

export class FakeComplex {
  constructor(
    readonly re: number,
    readonly im: number,
  ) {}
}

/** Makes fake tensors of a file in memory and counts what it was asked for. */
export class FakeBackend implements TensorBackend<FakeStorage, FakeTensor> {
  copiedBytes = 0;
  closed = 0;

  constructor(private readonly source: ByteSource) {}

  fileStorage(offset: number, nbytes: number, alignment: number): FakeStorage {
    const bytes = this.source.read(offset, nbytes);
    const isShared = offset % alignment === 0;
    if (!isShared) this.copiedBytes += nbytes;
    return new FakeStorage(isShared ? bytes : Uint8Array.from(bytes), isShared);
  }

  copiedStorage(bytes: Uint8Array): FakeStorage {
    this.copiedBytes += bytes.length;
    return new FakeStorage(Uint8Array.from(bytes), false);
  }

  moveStorage(storage: FakeStorage, device: string): FakeStorage {
    return new FakeStorage(storage.bytes, false, device);
  }

  exposeStorage(storage: FakeStorage): FakeStorage {
    return storage;
  }

  tensor(storage: FakeStorage, fields: TensorFields): FakeTensor {
    return new FakeTensor(storage, fields);
  }

  build(recipe: Recipe, parts: readonly unknown[], requiresGrad: boolean): FakeBuilt {
    return new FakeBuilt(recipe, parts, requiresGrad);
  }

  complex(re: number, im: number): FakeComplex {
    return new FakeComplex(re, im);
  }

  close(): void {
    this.closed++;
  }
}

/** The path of a file in test/fixtures/checkpoint. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/checkpoint/${name}`, import.meta.url));
}

/** The bytes of a fixture, in memory of their own. */
export function fixtureBytes(name: string): Buffer {
  return Buffer.from(readFileSync(fixturePath(name)));
}

/** Reads bytes with the fake backend. */
export function readFake(
  bytes: Uint8Array,
  name = 'file.pth',
  options: Partial<ReaderOptions> = {},
): unknown {
  const source = new BufferSource(bytes, { path: `/models/${name}`, name });
  const warn = (message: string) => {
    throw new Error(`unexpected warning: ${message}`);
  };
  return readCheckpoint(source, new FakeBackend(source), { mapLocation: 'cpu', warn, ...options });
}

/** A fake tensor's elements as contiguous bytes, as `expected.json` has them. */
export function elementBytes({ storage, fields }: FakeTensor): Buffer {
  const { itemsize } = layoutOf(fields.dtype);
  const positions = elementPositions(fields.size, fields.stride, fields.offset);
  return Buffer.concat(
    positions.map((position) => storage.bytes.subarray(position * itemsize, (position + 1) * itemsize)),
  );
}

function elementPositions(size: readonly number[], stride: readonly number[], offset: number): number[] {
  let positions = [offset];
  for (const [dim, length] of size.entries()) {
    const steps = Array.from({ length }, (_, index) => index * (stride[dim] as number));
    positions = positions.flatMap((position) => steps.map((step) => position + step));
  }
  return positions;
}
