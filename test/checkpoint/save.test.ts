import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { BufferSource } from '../../lib/checkpoint/byte-source.ts';
import { load, metadataOf, save } from '../../lib/checkpoint/index.ts';
import { ZipReader } from '../../lib/checkpoint/zip/reader.ts';
import { CheckpointError } from '../../lib/errors.ts';
import {
  arange,
  Complex,
  memoryStats,
  noGrad,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/tensor/index.ts';
import { encode, normalize } from './encode.ts';
import { fixturePath } from './fake-backend.ts';
import { nativeView } from './native-view.ts';
import { noPythonTorch, runPython } from './python-torch.ts';

const expected: Record<string, unknown> = JSON.parse(readFileSync(fixturePath('expected.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'ibn-net-save-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => void vi.restoreAllMocks());

let files = 0;
const newPath = () => join(folder, `${files++}.pth`);

/** Saves and loads again. */
function roundTrip<T>(value: unknown): T {
  const path = newPath();
  save(value, path);
  return load<T>(path);
}

function entriesOf(path: string): ZipReader {
  return new ZipReader(new BufferSource(readFileSync(path)));
}

/** Names of what `torch.save` writes that JavaScript has no value for. */
const CHANGED = ['bits.zip.pth', 'bits.legacy.pth', 'views.pth'];

describe('save', () => {
  it.each(Object.keys(expected).filter((name) => !CHANGED.includes(name)))(
    '%s survives a round trip',
    (name) => {
      vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const again = roundTrip(load(fixturePath(name)));
      expect(encode(again, nativeView)).toEqual(normalize(expected[name]));
    },
  );

  it('put-off conjugation and negation are carried out', () => {
    const loaded = load<Record<string, Tensor>>(fixturePath('bits.zip.pth'));
    const again = roundTrip<Record<string, Tensor>>(loaded);
    expect(again.conj?.toArray()).toEqual([new Complex(1, -2), new Complex(3, 4)]);
    expect(again.neg?.toArray()).toEqual([-6, 8]);
    expect(loaded.conj?.toArray()).toEqual(again.conj?.toArray());
  });

  it('keeps plain values as they are', () => {
    const value = {
      null: null,
      booleans: [true, false],
      numbers: [0, -1, 255, 256, 65536, 2 ** 31, -(2 ** 40), 1.5, Number.NaN, Number.POSITIVE_INFINITY],
      bigints: [2n ** 63n, -(2n ** 100n)],
      strings: ['', 'snowman \u2603', 'x'.repeat(70_000)],
      bytes: Uint8Array.of(0, 127, 128, 255),
      set: new Set([1, 'a']),
      map: new Map<unknown, unknown>([
        [1, 'one'],
        ['two', 2],
      ]),
      tuple: Object.freeze([1, Object.freeze([])]),
      complex: new Complex(1, -2),
    };
    expect(roundTrip(value)).toEqual(Object.assign(Object.create(null), value));
  });

  it('keeps -0 a float', () => {
    expect(Object.is(roundTrip<number[]>([-0])[0], -0)).toBe(true);
  });

  it('keeps what is one object one object, cycles included', () => {
    const shared = [1];
    const value: Record<string, unknown> = { a: shared, b: shared };
    value.self = value;
    const again = roundTrip<Record<string, unknown>>(value);
    expect(again.a).toBe(again.b);
    expect(again.self).toBe(again);
  });

  it('keeps strides and shares storages', () => {
    const base = arange(6).reshape([2, 3]);
    const again = roundTrip<Record<string, Tensor>>({ base, turned: base.t(), row: base.select(0, 1) });
    expect(again.turned?.stride()).toEqual([1, 3]);
    expect(again.row?.storageOffset()).toBe(3);
    again.base?.mul_(0);
    expect(again.row?.toArray()).toEqual([0, 0, 0]);
  });

  it('writes a shared storage once, and each entry aligned to 64 bytes', () => {
    const base = arange(100);
    const path = newPath();
    save({ base, view: base.select(0, 3), other: zeros([2]) }, path);
    const archive = entriesOf(path);
    expect([...archive.entries.keys()]).toEqual([
      'archive/data.pkl',
      'archive/.format_version',
      'archive/.storage_alignment',
      'archive/byteorder',
      'archive/data/0',
      'archive/data/1',
      'archive/version',
      'archive/.data/serialization_id',
    ]);
    for (const entry of archive.entries.values()) expect(archive.dataOffset(entry) % 64).toBe(0);
    expect(archive.entries.get('archive/data/0')?.size).toBe(base.untypedStorage().nbytes);
  });

  it('keeps requiresGrad of leaves and of results', () => {
    const leaf = tensor([1, 2], { requiresGrad: true });
    const again = roundTrip<Record<string, Tensor>>({ leaf, result: leaf.mul(2), plain: tensor([1]) });
    expect([again.leaf, again.result, again.plain].map((t) => t?.requiresGrad)).toEqual([true, true, false]);
  });

  it('keeps the metadata of a state dict', () => {
    const stateDict = load<{ state_dict: Map<string, Tensor> }>(fixturePath('training.zip.pth')).state_dict;
    const again = roundTrip<Map<string, Tensor>>(stateDict);
    expect(metadataOf(again)).toEqual(metadataOf(stateDict));
    expect(metadataOf(again)?.size).toBe(6);
  });

  it('equal values give equal files', () => {
    const [one, two] = [newPath(), newPath()];
    save({ w: arange(3) }, one);
    save({ w: arange(3) }, two);
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
  });

  it('leaves the tensors usable and nothing behind', () => {
    scope(() => {
      const weight = arange(3);
      const turned = weight.reshape([3, 1]);
      const before = memoryStats().tensors;
      save({ weight, turned }, newPath());
      expect(weight.toArray()).toEqual([0, 1, 2]);
      expect(memoryStats().tensors).toBe(before);
    });
  });

  it('takes a file URL', () => {
    const path = newPath();
    save({ a: 1 }, pathToFileURL(path));
    expect(load(path)).toEqual(Object.assign(Object.create(null), { a: 1 }));
  });
});

const KINDS = 'tensors, numbers, strings, booleans, null, bytes, arrays, Maps, Sets and plain objects';

describe('save refuses what Python could not read', () => {
  it.each([
    ['a function', { optimizer: { hook: () => 1 } }, '"optimizer.hook", got a function'],
    ['undefined', { acc: undefined }, '"acc", got undefined'],
    ['a symbol', [Symbol('s')], '"0", got a symbol'],
    ['a class instance', new Map([['date', new Date(0)]]), '"date", got an instance of Date'],
    ['a typed array', { w: new Float32Array(2) }, '"w", got an instance of Float32Array'],
    [
      'a nested class instance',
      { a: [1, { b: new (class Model {})() }] },
      '"a.1.b", got an instance of Model',
    ],
    ['the value itself', () => 1, 'the saved value, got a function'],
  ])('%s', (_, value, expected) => {
    const path = newPath();
    expect(() => save(value, path)).toThrow(new TypeError(`Expected ${KINDS} for ${expected}`));
    expect(() => statSync(path)).toThrow('ENOENT');
  });

  it('a tuple that holds itself', () => {
    const inner: unknown[] = [];
    const outer = Object.freeze([inner]);
    inner.push(outer);
    expect(() => save(outer, newPath())).toThrow('got a tuple or set that holds itself');
  });

  it('an integer that is too long', () => {
    expect(() => save({ n: 1n << 2040n }, newPath())).toThrow(
      new RangeError('Expected an integer of at most 2040 bits for "n", got a longer one'),
    );
  });

  it('more levels than are read', () => {
    let value: unknown[] = [];
    for (let depth = 0; depth < 600; depth++) value = [value];
    expect(() => save(value, newPath())).toThrow(
      'Expected at most 500 levels in a checkpoint, got more at "0.0.',
    );
  });

  it('two dtypes on one storage, as torch does', () => {
    const words = arange(4, { dtype: 'int32' });
    expect(() => save({ words, bytes: words.view('uint8') }, newPath())).toThrow(
      new RangeError('Expected one dtype on a storage for "bytes", got int32 and uint8; save a clone()'),
    );
  });

  it('sparse and meta tensors', () => {
    const sparse = noGrad(() => zeros([2]).toSparse());
    expect(() => save({ sparse }, newPath())).toThrow(
      new TypeError('Expected a dense tensor for "sparse", got sparse_coo; save toDense()'),
    );
    expect(() => save({ meta: zeros([2], { device: 'meta' }) }, newPath())).toThrow(
      new TypeError('Expected a tensor with data for "meta", got one on meta'),
    );
  });

  it('a path that is none', () => {
    expect(() => save({}, 3 as never)).toThrow(new TypeError('Expected a path or URL for save, got number'));
  });
});

describe('save is atomic', () => {
  it('replaces a file and keeps its mode', () => {
    const path = newPath();
    writeFileSync(path, 'old');
    chmodSync(path, 0o600);
    save({ a: 1 }, path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(load(path)).toEqual(Object.assign(Object.create(null), { a: 1 }));
  });

  it('replaces what a symbolic link points to', () => {
    const [path, link] = [newPath(), newPath()];
    save({ a: 1 }, path);
    symlinkSync(path, link);
    save({ a: 2 }, link);
    expect(load(path)).toEqual(Object.assign(Object.create(null), { a: 2 }));
  });

  it('tensors that map the replaced file keep their numbers', () => {
    const path = newPath();
    save({ w: arange(4) }, path);
    const { w } = load<Record<string, Tensor>>(path);
    save({ w: w?.add(1) }, path);
    expect(w?.toArray()).toEqual([0, 1, 2, 3]);
    expect(load<Record<string, Tensor>>(path).w?.toArray()).toEqual([1, 2, 3, 4]);
  });

  it('a refused value leaves the old file and no temporary one', () => {
    const path = newPath();
    save({ a: 1 }, path);
    expect(() => save({ a: () => 1 }, path)).toThrow(TypeError);
    expect(load(path)).toEqual(Object.assign(Object.create(null), { a: 1 }));
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('a folder that does not exist', () => {
    const attempt = () => save({}, join(folder, 'missing', 'a.pth'));
    expect(attempt).toThrow(CheckpointError);
    expect(attempt).toThrow('a.pth: could not be written: ENOENT');
  });
});

const COMPARE = `
import json, sys, torch
def same(a, b):
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype and a.stride() == b.stride() and a.requires_grad == b.requires_grad, (a, b)
        assert a.storage_offset() == b.storage_offset()
        assert a.untyped_storage().tolist() == b.untyped_storage().tolist()
    elif isinstance(a, dict):
        assert list(a.keys()) == list(b.keys()), (a.keys(), b.keys())
        assert getattr(a, '_metadata', None) == getattr(b, '_metadata', None)
        for key in a: same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b): same(x, y)
    else:
        assert a == b or (a != a and b != b), (a, b)
def storages(value):
    tensors = value.values() if isinstance(value, dict) else []
    return len({t.untyped_storage().data_ptr() for t in tensors if isinstance(t, torch.Tensor)})
for ours, theirs in zip(sys.argv[1::2], sys.argv[2::2]):
    original = torch.load(theirs, weights_only=False, map_location='cpu')
    saved = torch.load(ours, weights_only=True, map_location='cpu')
    same(original, saved)
    assert storages(original) == storages(saved)
    print('equal', theirs.rsplit('/')[-1])
`;

describe('Python reads what save writes', () => {
  const names = ['dtypes', 'geometry', 'training', 'parameters', 'cuda', 'root'].map(
    (name) => `${name}.zip.pth`,
  );

  it.skipIf(noPythonTorch)('files of torch.save, loaded and saved, are equal under weights_only=True', () => {
    const pairs = names.flatMap((name) => {
      const path = newPath();
      save(load(fixturePath(name)), path);
      return [path, fixturePath(name)];
    });
    expect(runPython(COMPARE, ...pairs)).toBe(names.map((name) => `equal ${name}\n`).join(''));
  });

  it.skipIf(noPythonTorch)('plain values arrive as Python means them', () => {
    const path = newPath();
    const value = {
      numbers: [1, 1.5, 2n ** 70n, -129],
      tuple: Object.freeze([1, 'a']),
      map: new Map<unknown, unknown>([[3, null]]),
      bytes: Uint8Array.of(0, 255),
      empty: new Uint8Array(0),
      set: new Set([1]),
      complex: new Complex(1, 2),
      bool: true,
      nested: {},
    };
    save(value, path);
    const program = 'import sys, torch; print(torch.load(sys.argv[1], weights_only=True))';
    expect(runPython(program, path)).toMatchInlineSnapshot(`
      "{'numbers': [1, 1.5, 1180591620717411303424, -129], 'tuple': (1, 'a'), 'map': OrderedDict([(3, None)]), 'bytes': b'\\x00\\xff', 'empty': b'', 'set': {1}, 'complex': (1+2j), 'bool': True, 'nested': {}}
      "
    `);
  });
});
