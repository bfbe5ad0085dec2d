import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  empty,
  fromBuffer,
  MappedFile,
  ops,
  tensor,
  tensorFromStorage,
  UntypedStorage,
  zeros,
} from '../../lib/tensor/index.ts';
import { collectGarbage, errorOf, message, tmp, withScope } from '../helpers/index.ts';

const { aten } = ops;
const bytesOf = (values: number[]) => new Uint8Array(new Float32Array(values).buffer);

describe('storages', () => {
  it(
    'are shared by a tensor and its views',
    withScope(() => {
      const x = zeros([4]);
      const storage = x.untypedStorage();
      expect(storage.nbytes).toBe(16);
      expect(x.narrow(0, 1, 2).untypedStorage().dataPtr()).toBe(storage.dataPtr());
      expect(x.clone().untypedStorage().dataPtr()).not.toBe(storage.dataPtr());
    }),
  );

  it(
    'give their bytes without a copy',
    withScope(() => {
      const x = tensor([1, 2], { dtype: 'uint8' });
      const storage = x.untypedStorage();
      const [first, second] = [storage.bytes(), storage.bytes()];
      first[1] = 7;
      expect([x.toArray(), second[1]]).toEqual([[1, 7], 7]);
      x.fill_(3);
      expect([...first]).toEqual([3, 3]);
    }),
  );

  it('live as long as their bytes', async () => {
    const bytes = (() => {
      const x = tensor(new Uint8Array(1_000_000).fill(5));
      const view = x.untypedStorage().bytes();
      x.dispose();
      return view;
    })();
    await collectGarbage();
    expect(bytes.every((value) => value === 5)).toBe(true);
  });

  it(
    'whose bytes are out cannot move',
    withScope(() => {
      const x = zeros([4]);
      x.untypedStorage().bytes();
      expect(message(() => aten.resize_(x, [1_000_000]))).toContain('not resizable');
      const y = zeros([4]);
      y.untypedStorage().range(0, 8);
      expect(message(() => aten.resize_(y, [1_000_000]))).toContain('not resizable');
    }),
  );

  it(
    'make tensors with any strides inside them',
    withScope(() => {
      const storage = UntypedStorage.fromBytes(bytesOf([0, 1, 2, 3, 4, 5]));
      const make = (offset: number, size: number[], stride: number[]) =>
        tensorFromStorage(storage, 'float32', offset, size, stride).toArray();
      expect(make(0, [2, 3], [3, 1])).toEqual([
        [0, 1, 2],
        [3, 4, 5],
      ]);
      expect(make(1, [2, 2], [1, 3])).toEqual([
        [1, 4],
        [2, 5],
      ]);
      expect(make(5, [3], [0])).toEqual([5, 5, 5]);
      expect(make(0, [], [])).toBe(0);
      expect(make(6, [0], [1])).toEqual([]);
    }),
  );

  it(
    'refuse tensors that reach outside',
    withScope(() => {
      const storage = UntypedStorage.fromBytes(new Uint8Array(8));
      const make = (dtype: string, offset: number, size: number[], stride: number[]) =>
        message(() => tensorFromStorage(storage, dtype as 'float32', offset, size, stride));
      expect(make('float32', 0, [3], [1])).toMatchInlineSnapshot(
        `"RangeError: Expected a storage of at least 12 bytes, got one of 8"`,
      );
      expect(make('float32', 1, [2], [1])).toMatchInlineSnapshot(
        `"RangeError: Expected a storage of at least 12 bytes, got one of 8"`,
      );
      expect(make('float32', -1, [1], [1])).toMatchInlineSnapshot(
        `"RangeError: Expected storageOffset >= 0"`,
      );
      expect(make('float32', 0, [2], [-1])).toMatchInlineSnapshot(
        `"RangeError: Expected sizes and strides >= 0"`,
      );
      expect(make('float32', 0, [2], [])).toMatchInlineSnapshot(
        `"RangeError: Expected as many strides as sizes, got 0 and 1"`,
      );
      expect(make('float32', 0, [2 ** 52, 2 ** 52], [2 ** 52, 1])).toMatchInlineSnapshot(
        `"RangeError: Sizes and strides overflow"`,
      );
      expect(make('float32', 2 ** 62, [1], [1])).toContain('RangeError');
      expect(make('float', 0, [1], [1])).toContain('got "float"');
      expect(make('qint8', 0, [1], [1])).toContain('qint8');
    }),
  );

  it(
    'have ranges within themselves only',
    withScope(() => {
      const storage = UntypedStorage.fromBytes(new Uint8Array([1, 2, 3, 4]));
      expect([...storage.range(1, 2).bytes()]).toEqual([2, 3]);
      expect(storage.range(4, 0).nbytes).toBe(0);
      expect(message(() => storage.range(3, 2))).toMatchInlineSnapshot(
        `"RangeError: Expected a range within 4 bytes, got offset 3 and size 2"`,
      );
      expect(message(() => storage.range(-1, 2))).toMatchInlineSnapshot(
        `"RangeError: Expected a range within 4 bytes, got offset -1 and size 2"`,
      );
      expect(message(() => storage.range(0.5, 1))).toMatchInlineSnapshot(
        `"RangeError: Expected an integer for "byteOffset", got 0.5"`,
      );
      const odd = UntypedStorage.fromBytes(new Uint8Array(9)).range(1, 8);
      expect(message(() => tensorFromStorage(odd, 'float32', 0, [2], [1]))).toMatchInlineSnapshot(
        `"RangeError: Expected memory aligned to the dtype's size; copy the storage first"`,
      );
    }),
  );

  it(
    'without memory on the CPU are refused',
    withScope(() => {
      const meta = empty([4], { device: 'meta' }).untypedStorage();
      expect(meta.nbytes).toBe(16);
      expect(message(() => meta.bytes())).toMatchInlineSnapshot(`"RangeError: Expected a CPU storage"`);
      expect(message(() => meta.range(0, 4))).toContain('Error');
      expect(message(() => tensorFromStorage(meta, 'float32', 0, [4], [1]))).toContain('Error');
      expect(message(() => zeros([2]).toSparse().untypedStorage())).toMatchInlineSnapshot(
        `"TorchError: Cannot access storage of SparseTensorImpl"`,
      );
      const zero = aten._efficientzerotensor([2]);
      expect(zero.toArray()).toEqual([0, 0]);
      expect(message(() => zero.untypedStorage().bytes())).toContain('Error');
    }),
  );

  it(
    'refuse use after dispose',
    withScope(() => {
      const storage = UntypedStorage.fromBytes(new Uint8Array(8));
      const x = tensorFromStorage(storage, 'float32', 0, [2], [1]);
      storage.dispose();
      storage.dispose();
      expect(message(() => storage.nbytes)).toMatchInlineSnapshot(
        `"TorchError: A storage or generator was disposed. Use it before dispose() or the end of its scope()"`,
      );
      expect(x.toArray()).toEqual([0, 0]);
    }),
  );
});

describe('mapped files', () => {
  const write = (bytes: Uint8Array) => {
    const path = join(tmp(), 'file.bin');
    writeFileSync(path, bytes);
    return path;
  };

  it('are read in place and never written', () => {
    const path = write(bytesOf([1, 2, 3, 4]));
    const file = MappedFile.open(path);
    expect([file.size, [...file.bytes(4, 4)]]).toEqual([16, [...bytesOf([2])]]);
    const storage = file.storage(8, 8);
    const x = tensorFromStorage(storage, 'float32', 0, [2], [1]);
    expect(x.toArray()).toEqual([3, 4]);
    x.fill_(9);
    expect(readFileSync(path)).toEqual(Buffer.from(bytesOf([1, 2, 3, 4])));
    for (const owner of [x, storage, file]) owner.dispose();
  });

  it('stay mapped for the tensors over them', async () => {
    const file = MappedFile.open(write(bytesOf([1, 2])));
    const x = tensorFromStorage(file.storage(0, 8), 'float32', 0, [2], [1]);
    file.dispose();
    await collectGarbage();
    expect(x.toArray()).toEqual([1, 2]);
    expect(message(() => file.storage(0, 4))).toMatch(/Error/);
    x.dispose();
  });

  it('refuse what lies outside', () => {
    const file = MappedFile.open(write(new Uint8Array(10)));
    expect(message(() => file.storage(8, 4))).toMatchInlineSnapshot(
      `"RangeError: Expected a range within 10 bytes, got offset 8 and size 4"`,
    );
    expect(message(() => file.bytes(0, 11))).toMatchInlineSnapshot(
      `"RangeError: Expected a range within 10 bytes"`,
    );
    expect(message(() => file.bytes(-1, 2))).toContain('RangeError');
    expect(file.bytes(10, 0)).toHaveLength(0);
    file.dispose();
  });

  it('may be empty', () => {
    const file = MappedFile.open(write(new Uint8Array(0)));
    expect([file.size, file.bytes(0, 0).length]).toEqual([0, 0]);
    const x = tensorFromStorage(file.storage(0, 0), 'float32', 0, [0], [1]);
    expect(x.toArray()).toEqual([]);
    x.dispose();
    file.dispose();
  });

  it('must be regular files', () => {
    const folder = tmp();
    mkdirSync(join(folder, 'sub'));
    const open = (name: string) => errorOf(() => MappedFile.open(join(folder, name)));
    expect(open('none')).toMatchObject({ name: 'TorchError', code: 'ERR_FILE' });
    expect(open('none').message.replace(folder, '')).toMatchInlineSnapshot(
      `"/none: No such file or directory"`,
    );
    expect(open('sub').message.replace(folder, '')).toMatchInlineSnapshot(`"/sub: not a regular file"`);
    expect(message(() => MappedFile.open(3 as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a string for "path", got 3"`,
    );
  });
});

describe('buffers and storages together', () => {
  it(
    'a tensor over a buffer has the storage of that buffer',
    withScope(() => {
      const data = new Uint8Array([1, 2, 3, 4]);
      const storage = fromBuffer(data).untypedStorage();
      storage.bytes()[0] = 9;
      expect(data[0]).toBe(9);
    }),
  );
});
