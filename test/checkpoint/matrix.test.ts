import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { BufferSource } from '../../lib/checkpoint/byte-source.ts';
import { load, save } from '../../lib/checkpoint/index.ts';
import { ZipReader } from '../../lib/checkpoint/zip/reader.ts';
import type { Tensor } from '../../lib/tensor/index.ts';
import { root, tmp } from '../helpers/files.ts';
import type { EncodedTensor } from './encode.ts';
import { fixturePath } from './fake-backend.ts';
import { int, legacyCheckpoint, storage, tensor, tuple, zipCheckpoint } from './forge.ts';
import { noPythonTorch, runPython } from './python-torch.ts';

// load.test.ts and read.test.ts compare every file with what Python reads; here is what those files have.
const expected: Record<string, unknown> = JSON.parse(readFileSync(fixturePath('expected.json'), 'utf8'));
const bytesOf = (name: string) => readFileSync(fixturePath(name));

function* nodesOf(value: unknown): Generator<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Record<string, unknown>;
  for (const item of Object.values(value)) yield* nodesOf(item);
}

const tensorsIn = (name: string): EncodedTensor[] =>
  [...nodesOf(expected[name])].flatMap((node) => (node.$tensor ? [node.$tensor as EncodedTensor] : []));
const holds = (name: string, key: string): boolean =>
  [...nodesOf(expected[name])].some((node) => Object.hasOwn(node, key));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Elements between the first and the last, both included. */
const span = ({ size, stride }: EncodedTensor) =>
  1 + sum(size.map((n, i) => (n - 1) * (stride[i] as number)));
const numel = ({ size }: EncodedTensor) => size.reduce((total, n) => total * n, 1);
const rowMajor = ({ size, stride }: EncodedTensor) =>
  size.every((n, i) => n === 1 || stride[i] === size.slice(i + 1).reduce((total, m) => total * m, 1));

const SHAPES: Record<string, (one: EncodedTensor) => boolean> = {
  'zero dimensions': ({ size }) => size.length === 0,
  'no elements': (one) => numel(one) === 0,
  'other than row-major strides': (one) => numel(one) > 0 && !rowMajor(one),
  'an offset': ({ offset }) => offset > 0,
  'overlapping elements': (one) => numel(one) > span(one),
  requires_grad: ({ requiresGrad }) => requiresGrad,
};

const FLOATS = ['float64', 'float32', 'float16', 'bfloat16', 'complex128', 'complex64', 'complex32'];
const INTEGERS = ['int64', 'int32', 'int16', 'int8', 'uint8', 'uint16', 'uint32', 'uint64', 'bool'];
const FLOAT8 = ['e4m3fn', 'e5m2', 'e4m3fnuz', 'e5m2fnuz', 'e8m0fnu'].map((name) => `float8_${name}`);

describe.each(['zip', 'legacy'])('the %s files of Python have', (format) => {
  const file = (name: string) => `${name}.${format}.pth`;

  it.each([...FLOATS, ...INTEGERS, ...FLOAT8])('tensors of %s', (dtype) => {
    expect(tensorsIn(file('dtypes')).some((one) => one.dtype === dtype)).toBe(true);
  });

  it.each(Object.keys(SHAPES))('tensors with %s', (feature) => {
    expect(tensorsIn(file('geometry')).some(SHAPES[feature] as (one: EncodedTensor) => boolean)).toBe(true);
  });

  it('storages that several tensors share', () => {
    const storages = tensorsIn(file('geometry')).map((one) => one.storage);
    expect(new Set(storages).size).toBeLessThan(storages.length - 3);
  });

  it('dicts, lists, tuples, sets, OrderedDicts with metadata, one object in two places', () => {
    const keys = ['$object', '$map', '$tuple', '$set', '$bytes', '$complex', '$int', '$float', '$same'];
    expect(keys.filter((key) => !holds(file('containers'), key))).toEqual([]);
    expect(holds(file('training'), 'metadata')).toBe(true);
  });

  it('the rebuild functions of tensors and parameters, typed and untyped storages, numpy scalars, a GPU', () => {
    const names: Record<string, string> = {
      geometry: '_rebuild_tensor_v2',
      dtypes: '_rebuild_tensor_v3',
      parameters: '_rebuild_parameter',
      values: 'scalar',
      cuda: 'cuda:0',
    };
    for (const [name, text] of Object.entries(names))
      expect(bytesOf(file(name)).includes(text), name).toBe(true);
    expect(holds(file('storages'), '$storage')).toBe(true);
  });

  it.each([2, 3, 4, 5])('pickles of protocol %i', (protocol) => {
    const name = file(`protocol-${protocol}`);
    const pickled = format === 'zip' ? entryOf(name, 'data.pkl') : bytesOf(name);
    expect([...pickled.subarray(0, 2)]).toEqual([0x80, protocol]);
  });
});

function entryOf(name: string, entry: string): Uint8Array {
  const archive = new ZipReader(new BufferSource(bytesOf(name)));
  const found = [...archive.entries].find(([key]) => key.endsWith(`/${entry}`));
  if (!found)
    throw new Error(`Expected ${entry} in ${name}, found ${[...archive.entries.keys()].join(', ')}`);
  return archive.read(found[1]);
}

describe('the other files have', () => {
  it('big-endian storages in an archive that says so', () => {
    expect(String(entryOf('big-endian.pth', 'byteorder'))).toBe('big');
    expect(String(entryOf('dtypes.zip.pth', 'byteorder'))).toBe('little');
    const dtypes = new Set(tensorsIn('big-endian.pth').map((one) => one.dtype));
    expect([...FLOATS, ...INTEGERS, ...FLOAT8].filter((dtype) => !dtypes.has(dtype))).toEqual([]);
  });

  it('no byte order, as PyTorch 1.6 wrote', () => {
    const archive = new ZipReader(new BufferSource(bytesOf('first-zip.pth')));
    expect([...archive.entries.keys()].filter((name) => name.includes('byteorder'))).toEqual([]);
  });

  it('_rebuild_tensor, the strings of Python 2, and views on storages', () => {
    expect(bytesOf('rebuild-tensor.pth').includes('_rebuild_tensor\n')).toBe(true);
    expect(holds('python2.pth', '$map')).toBe(true);
    expect(holds('views.pth', '$tensor')).toBe(true);
  });

  it.each(['cpu', 'cuda:7', 'mps', 'xla:1', 'xpu:0', 'hpu', 'privateuseone:0'])(
    'tensors saved on %s',
    (location) => {
      const stored = storage(int(4), { location });
      const object = tensor(stored, int(0), tuple(int(4)), tuple(int(1)));
      const bytes = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
      for (const file of [zipCheckpoint(object, bytes), legacyCheckpoint(object, [['0', 4, bytes]])]) {
        const loaded = load<Tensor>(file);
        expect([loaded.device, loaded.toArray()]).toEqual(['cpu', [1, 2, 3, 4]]);
      }
    },
  );
});

const ENCODE = `
import json, math, sys, torch
sys.path.insert(0, sys.argv[1])
from checkpoint_encode import encode
def whole(text):
    number = float(text)
    fits = math.isfinite(number) and number.is_integer() and abs(number) < 2**53
    return fits and not (number == 0 and math.copysign(1, number) < 0)
def normalize(value):
    if isinstance(value, list): return [normalize(item) for item in value]
    if not isinstance(value, dict): return value
    if '$float' in value: return int(float(value['$float'])) if whole(value['$float']) else value
    return {key: normalize(item) for key, item in value.items()}
expected = json.load(open(sys.argv[2]))
for name, path in json.loads(sys.argv[3]).items():
    saved = torch.load(path, weights_only=True)
    same = normalize(encode(saved, {}, {})) == normalize(expected[name])
    print('equal' if same else 'DIFFERENT', name)
`;

/** Their tensors have put-off conjugation, or parts of a storage, which PyTorch's zip format does not have. */
const OTHER = ['bits.zip.pth', 'bits.legacy.pth', 'views.pth'];

function saveAgain(names: readonly string[]): Record<string, string> {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const folder = tmp();
  const paths = names.map((name, i) => {
    const path = join(folder, `${i}.pth`);
    save(load(fixturePath(name)), path);
    return [name, path];
  });
  vi.restoreAllMocks();
  return Object.fromEntries(paths);
}

describe('Python reads what save writes, with weights_only=True', () => {
  it.skipIf(noPythonTorch)(
    'every file: values, dtypes, bits, strides, offsets, sharing, requires_grad',
    () => {
      const names = Object.keys(expected).filter((name) => !OTHER.includes(name));
      expect(names.length).toBeGreaterThan(35);
      const args = [
        join(root, 'scripts/fixtures/checkpoint'),
        fixturePath('expected.json'),
        JSON.stringify(saveAgain(names)),
      ];
      expect(runPython(ENCODE, ...args)).toBe(names.map((name) => `equal ${name}\n`).join(''));
    },
  );

  it.skipIf(noPythonTorch)('conjugated, negated and legacy views: the same numbers', () => {
    const program = `
import json, sys, torch
for path in json.loads(sys.argv[1]).values(): print({key: value.tolist() for key, value in torch.load(path, weights_only=True).items()})`;
    expect(runPython(program, JSON.stringify(saveAgain(OTHER)))).toMatchInlineSnapshot(`
      "{'conj': [(1-2j), (3+4j)], 'plain': [(1+2j), (3-4j)], 'neg': [-6.0, 8.0]}
      {'conj': [(1-2j), (3+4j)], 'plain': [(1+2j), (3-4j)], 'neg': [-6.0, 8.0]}
      {'tail': [3.0, 4.0, 5.0], 'head': [0.0, 1.0]}
      "
    `);
  });
});
