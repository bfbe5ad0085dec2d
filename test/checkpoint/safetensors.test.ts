import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { load, save, saveSafetensors, textsOf } from '../../lib/checkpoint/index.ts';
import { CheckpointError } from '../../lib/errors.ts';
import {
  arange,
  memoryStats,
  noGrad,
  ones,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/tensor/index.ts';
import { fixturePath, readFake } from './fake-backend.ts';
import { u64 } from './forge.ts';
import { noPythonTorch, runPython } from './python-torch.ts';

const folder = mkdtempSync(join(tmpdir(), 'ibn-net-safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const newPath = (): string => join(folder, `${files++}.safetensors`);

/** A file around a header, with its true length unless another is given. */
function file(header: string | Buffer, data: Uint8Array | number = 0, length?: number | bigint): Buffer {
  const json = Buffer.from(header as string);
  return Buffer.concat([
    u64(length ?? json.length),
    json,
    typeof data === 'number' ? Buffer.alloc(data) : data,
  ]);
}

const entry = (dtype: string, shape: string, begin: string | number, end: string | number): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

function messageOf(bytes: Buffer): string {
  try {
    readFake(bytes, 'x.safetensors');
  } catch (error) {
    if (error instanceof CheckpointError) return `${error.code.slice(15)} ${error.message}`;
    throw error;
  }
  return 'read';
}

describe('safetensors, read', () => {
  it('keeps the texts beside the tensors, also those with odd names', () => {
    const texts = textsOf(load(fixturePath('dtypes.safetensors')));
    expect(Object.entries(texts ?? {})).toEqual([
      ['format', 'pt'],
      ['__proto__', 'text'],
    ]);
    expect(textsOf(load(fixturePath('geometry.safetensors')))).toBeUndefined();
  });

  it('maps the file: writing to a tensor leaves it alone', () => {
    const path = newPath();
    writeFileSync(path, readFileSync(fixturePath('network.safetensors')));
    const before = readFileSync(path);
    for (const value of load<Map<string, Tensor>>(path).values()) value.zero_();
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('a header whose length begins like a pickle is read for what it is', () => {
    const header = `{"a":${entry('U8', '[1]', 0, 1)}}`;
    for (const size of [0x0280, 0x0480]) {
      expect([...(readFake(file(header.padEnd(size), 1)) as Map<string, unknown>).keys()]).toEqual(['a']);
    }
  });

  it('a file without tensors is an empty Map', () => {
    expect(readFake(file('{}'))).toEqual(new Map());
    expect(readFake(file(' { "__metadata__" : {} } '))).toEqual(new Map());
  });

  it('keys such as "__proto__" are keys', () => {
    const read = readFake(file(`{"__proto__":${entry('U8', '[1]', 0, 1)}}`, 1)) as Map<string, unknown>;
    expect([...read.keys()]).toEqual(['__proto__']);
    expect(({} as { fields?: unknown }).fields).toBeUndefined();
  });

  const u8 = entry('U8', '[1]', 0, 1);
  it.each<[string, Buffer]>([
    ['a cut header', file('{}', 0, 3)],
    ['a length beyond 2^53', file('{}', 0, 2n ** 63n)],
    ['a length of 0', Buffer.concat([u64(0), Buffer.from('{}')])],
    ['text that is not UTF-8', file(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))],
    ['no end', file('{"a":')],
    ['a list for an object', file('{"a":[]}')],
    ['something after the end', file('{}x')],
    ['a key twice', file(`{"a":${u8},"a":${u8}}`, 1)],
    ['a field twice', file('{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1)],
    ['a field too many', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":1}}', 1)],
    ['a field too few', file('{"a":{"dtype":"U8","shape":[1]}}', 1)],
    ['three offsets', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}', 1)],
    ['an unknown dtype', file(`{"a":${entry('F128', '[1]', 0, 16)}}`, 16)],
    ['a dtype without whole bytes', file(`{"a":${entry('F4', '[2]', 0, 1)}}`, 1)],
    ['a negative size', file(`{"a":${entry('U8', '[-1]', 0, 1)}}`, 1)],
    ['a fraction', file(`{"a":${entry('U8', '[1.0]', 0, 1)}}`, 1)],
    ['an exponent', file(`{"a":${entry('U8', '[1e3]', 0, 1)}}`, 1)],
    ['a size beyond 2^53', file(`{"a":${entry('U8', '[9007199254740993]', 0, 1)}}`, 1)],
    ['sizes whose product overflows', file(`{"a":${entry('U8', '[4294967296,4294967296]', 0, 0)}}`)],
    [
      'an empty tensor whose strides overflow',
      file(`{"a":${entry('U8', '[0,4294967296,4294967296]', 0, 0)}}`),
    ],
    ['65 dimensions', file(`{"a":${entry('U8', `[${Array(65).fill(1)}]`, 0, 1)}}`, 1)],
    ['too few bytes for the shape', file(`{"a":${entry('F32', '[2]', 0, 4)}}`, 4)],
    ['offsets that run backwards', file(`{"a":${entry('U8', '[1]', 1, 0)}}`, 1)],
    ['a hole', file(`{"a":${entry('U8', '[1]', 1, 2)}}`, 2)],
    ['an overlap', file(`{"a":${entry('U8', '[2]', 0, 2)},"b":${entry('U8', '[2]', 1, 3)}}`, 3)],
    ['bytes that belong to no tensor', file(`{"a":${u8}}`, 2)],
    ['bytes beyond the end', file(`{"a":${entry('U8', '[9]', 0, 9)}}`, 8)],
    ['texts that are none', file('{"__metadata__":{"a":1}}')],
    ['a broken escape', file('{"\\x":1}')],
    ['a control character', file('{"\u0001":1}')],
  ])('refuses %s', (_, bytes) => {
    expect(messageOf(bytes)).toMatchSnapshot();
  });

  it('reads a header that is all but white space in linear time', () => {
    const start = performance.now();
    expect(messageOf(file(`{${' '.repeat(8_000_000)}}`))).toBe('read');
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

const state = (): Map<string, Tensor> =>
  new Map([
    ['step', tensor([7], { dtype: 'int64' }).reshape([])],
    ['half', arange(3).to('float16')],
    ['weight', arange(6, { dtype: 'float32' }).reshape([2, 3])],
    ['flags', tensor([true, false])],
    ['10', tensor([1.5], { dtype: 'float64' })],
    ['empty', zeros([3, 0])],
  ]);

describe('safetensors, write', () => {
  it('every entry survives, in order', () => {
    const path = newPath();
    const written = state();
    save(written, path);
    const read = load<Map<string, Tensor>>(path);
    expect([...read.keys()]).toEqual([...written.keys()]);
    for (const [key, value] of written) {
      expect([key, read.get(key)?.dtype, read.get(key)?.shape]).toEqual([key, value.dtype, value.shape]);
      expect(read.get(key)?.toArray()).toEqual(value.toArray());
    }
    expect(textsOf(read)).toEqual({ format: 'pt' });
  });

  it('what it writes of a file of Python is that file, byte for byte', () => {
    const path = newPath();
    const original = fixturePath('network.safetensors');
    save(load(original), path);
    expect(readFileSync(path).equals(readFileSync(original))).toBe(true);
  });

  it('views, transposed, conjugate and tracked tensors are written as they look', () => {
    const path = newPath();
    const base = arange(12, { dtype: 'float32' }).reshape([3, 4]);
    const wave = noGrad(() => base.to('complex64').mul(base.to('complex64')).conj());
    saveSafetensors({ t: base.t(), row: base.index(1), leaf: ones([2]).requiresGrad_(), wave }, path);
    const read = load<Map<string, Tensor>>(path);
    expect(read.get('t')?.toArray()).toEqual(base.t().toArray());
    expect(read.get('row')?.toArray()).toEqual([4, 5, 6, 7]);
    expect([read.get('leaf')?.requiresGrad, read.get('t')?.isContiguous()]).toEqual([false, true]);
    expect(read.get('wave')?.toArray()).toEqual(wave.toArray());
  });

  it('takes texts, or none', () => {
    const path = newPath();
    saveSafetensors(state(), path, { metadata: { epoch: '3', é: '\u2603' } });
    expect(textsOf(load(path))).toEqual({ epoch: '3', é: '\u2603' });
    saveSafetensors({}, path, { metadata: {} });
    expect([load<Map<string, Tensor>>(path).size, textsOf(load(path))]).toEqual([0, {}]);
  });

  it.each<[string, () => unknown, string]>([
    [
      'a tensor',
      () => ones([1]),
      'TypeError: Expected a Map or object of tensors for save to a .safetensors file, got a tensor',
    ],
    [
      'a list',
      () => [1],
      'TypeError: Expected a Map or object of tensors for save to a .safetensors file, got an array',
    ],
    [
      'other values',
      () => ({ epoch: 3 }),
      'TypeError: Expected tensors only for safetensors, got number at "epoch"; save a .pth file instead',
    ],
    [
      'nested state',
      () => ({ model: state() }),
      'TypeError: Expected tensors only for safetensors, got object at "model"; save a .pth file instead',
    ],
    [
      'a dtype without a name',
      () => ({ z: zeros([1], { dtype: 'complex128' }) }),
      'TypeError: Expected a dtype that safetensors has for "z", got complex128; save a .pth file instead',
    ],
    [
      'the reserved key',
      () => ({ __metadata__: ones([1]) }),
      'RangeError: Expected a key other than "__metadata__", which the format uses',
    ],
  ])('refuses %s and writes nothing', (_, value, message) => {
    const path = newPath();
    expect(() => save(value(), path)).toThrow(expect.toSatisfy((error) => `${error}` === message));
    expect(readdirSync(folder).filter((name) => path.endsWith(`/${name}`))).toEqual([]);
  });

  it('refuses texts that are none', () => {
    expect(() => saveSafetensors({}, newPath(), { metadata: { epoch: 3 as never } })).toThrow(
      new TypeError("Expected texts by name for saveSafetensors metadata, such as { epoch: '3' }, got 3"),
    );
  });

  it('leaves no tensor behind', () => {
    const before = memoryStats().tensors;
    const path = newPath();
    scope(() => {
      save(state(), path);
      load(path);
    });
    expect(memoryStats().tensors).toBe(before);
  });
});

const COMPARE = `
import sys, torch
from safetensors.torch import load_file
from safetensors import safe_open
for ours, theirs in zip(sys.argv[1::2], sys.argv[2::2]):
    a, b = load_file(ours), load_file(theirs)
    with safe_open(ours, 'pt') as file:
        assert file.metadata() == {'format': 'pt'}, file.metadata()
    assert a.keys() == b.keys()
    for key in a:
        x, y = a[key], b[key]
        assert x.dtype == y.dtype and x.shape == y.shape, key
        assert bytes(x.contiguous().view(torch.uint8).flatten().tolist() if x.dim() else [0]) == bytes(
            y.contiguous().view(torch.uint8).flatten().tolist() if y.dim() else [0]), key
    print('equal', len(a))
`;

describe('Python reads the safetensors files', () => {
  it.skipIf(noPythonTorch)('files of Python, loaded and saved, hold the same', () => {
    const names = ['dtypes', 'geometry', 'network', 'forged'];
    const pairs = names.flatMap((name) => {
      const path = newPath();
      const original = fixturePath(`${name}.safetensors`);
      save(load(original), path);
      return [path, original];
    });
    expect(runPython(COMPARE, ...pairs)).toBe('equal 19\nequal 13\nequal 9\nequal 2\n');
  });
});
