import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { load, save } from '../../lib/checkpoint/index.ts';
import { OPCODES as OP } from '../../lib/checkpoint/pickle/opcodes.ts';
import { saveSafetensors } from '../../lib/checkpoint/save.ts';
import { type Tensor, tensor as tensorOf } from '../../lib/tensor/index.ts';
import { errorOf } from '../helpers/errors.ts';
import { tmp } from '../helpers/files.ts';
import { fixtureBytes, readFake } from './fake-backend.ts';
import {
  assemble,
  call,
  dict,
  global,
  int,
  legacyCheckpoint,
  list,
  type Piece,
  storage,
  tensor,
  text,
  tuple,
  u32,
  u64,
  zipCheckpoint,
} from './forge.ts';
import { noPythonTorch, runPython } from './python-torch.ts';

const raw = (...bytes: number[]): Piece => [OP.BINUNICODE, u32(bytes.length), Uint8Array.from(bytes)];

/** An archive whose entries are deflated, with sizes that may lie. */
function deflatedZip(entries: Record<string, Uint8Array>, claim = (size: number) => size): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(entries)) {
    const data = deflateRawSync(bytes);
    const sizes = [0, data.length, claim(bytes.length)].map(u32);
    const common = [
      Buffer.from([20, 0, 0, 0, 8, 0, 0, 0, 0, 0]),
      ...sizes,
      Buffer.from([name.length, 0, 0, 0]),
    ];
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), ...common, Buffer.from(name), data]);
    central.push(
      Buffer.concat([
        Buffer.from('PK\x01\x02\x14\x00'),
        ...common,
        Buffer.alloc(10),
        u32(offset),
        Buffer.from(name),
      ]),
    );
    parts.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const count = central.length;
  const end = [
    Buffer.from('PK\x05\x06\0\0\0\0'),
    Buffer.from([count, 0, count, 0]),
    u32(directory.length),
    u32(offset),
    Buffer.alloc(2),
  ];
  return Buffer.concat([...parts, directory, ...end]);
}

describe('archives as people have them', () => {
  it('a program of torch.export is called what it is, whichever PyTorch wrote it', () => {
    const files = [
      fixtureBytes('refused-exported.pt2'),
      deflatedZip({
        'serialized_exported_program.json': Buffer.from('{}'),
        'serialized_state_dict.pt': Buffer.of(0),
      }),
    ];
    for (const file of files) {
      const error = errorOf(() => load(file));
      expect(error.code).toBe('ERR_CHECKPOINT_UNSUPPORTED');
      expect(error.message).toContain(
        "the file is a program that torch.export saved (.pt2), a graph with its weights, and no checkpoint; write its weights in Python: torch.save(torch.export.load(path).state_dict, 'weights.pth')",
      );
    }
  });

  it('deflated by another program', () => {
    const numbers = (name: string) =>
      Object.entries(load<Record<string, Tensor>>(fixtureBytes(name))).map(([key, one]) => [
        key,
        one.toArray(),
      ]);
    expect(numbers('refused-deflated.pth')).toEqual(numbers('parameters.zip.pth'));
  });

  it('deflated bytes that do not have their size are refused, and a bomb before it is unpacked', () => {
    const pickled = assemble(OP.PROTO, 2, OP.NONE, OP.STOP);
    const files = (claim: (size: number) => number) => deflatedZip({ 'a/data.pkl': pickled }, claim);
    expect(readFake(files((size) => size))).toBeNull();
    for (const claim of [(size: number) => size - 1, (size: number) => size + 1]) {
      expect(() => readFake(files(claim))).toThrow('has deflated bytes that do not unpack to its size');
    }
    const before = process.memoryUsage().rss;
    expect(() => readFake(files(() => 1 << 29))).toThrow(/has|bytes deflated into a file of/);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
  });

  it('with bytes behind their end', () => {
    const whole = fixtureBytes('parameters.zip.pth');
    for (const behind of [Buffer.alloc(16), Buffer.from('\r\n'), Buffer.alloc(5000, 'x')]) {
      expect(readFake(Buffer.concat([whole, behind]))).toEqual(readFake(whole));
    }
  });
});

describe('texts as people have them', () => {
  it('halves of surrogate pairs are read', () => {
    expect(readFake(zipCheckpoint(raw(0x61, 0xed, 0xa0, 0xbd, 0x62)))).toBe('a\ud83db');
    expect(readFake(zipCheckpoint(raw(0xed, 0xbf, 0xbf)))).toBe('\udfff');
    expect(readFake(zipCheckpoint(raw(0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0, 0xbd)))).toBe('😀\ud83d');
    expect(readFake(zipCheckpoint(raw(0xed, 0x9f, 0xbf, 0xed, 0xb0, 0x80)))).toBe('\ud7ff\udc00');
  });

  it.each([[[0xff]], [[0xed, 0xa0]], [[0xed, 0xa0, 0xbd, 0xff]], [[0xc0, 0x80, 0xed, 0xa0, 0xbd]]])(
    'other bytes than UTF-8 are refused (%j)',
    (bytes) => {
      expect(() => readFake(zipCheckpoint(raw(...bytes)))).toThrow('text that is not UTF-8');
    },
  );

  const texts = ['a\ud83db', '\udfff', '😀\ud83d', '\udc00\ud800', 'plain'];

  it('save keeps them, and load reads them again', () => {
    const path = join(tmp(), 'halves.pth');
    save(texts, path);
    expect(load(path)).toEqual(texts);
  });

  it.skipIf(noPythonTorch)('Python reads what save writes of them', () => {
    const path = join(tmp(), 'halves.pth');
    save(texts, path);
    const program = 'import sys, torch; print(ascii(torch.load(sys.argv[1], weights_only=True)))';
    expect(runPython(program, path).trim()).toBe(
      String.raw`['a\ud83db', '\udfff', '\U0001f600\ud83d', '\udc00\ud800', 'plain']`,
    );
  });

  it('safetensors has no bytes for them, and says so', () => {
    const path = join(tmp(), 'halves.safetensors');
    const weight = tensorOf([1]);
    expect(() => saveSafetensors({ 'a\ud83d': weight }, path)).toThrow(
      'Expected whole characters for a key of safetensors, got the half of one in "a\\ud83d"',
    );
    expect(() => saveSafetensors({ a: weight }, path, { metadata: { k: '\udc00' } })).toThrow(
      'for metadata "k"',
    );
  });
});

describe('dicts with keys that look like integers', () => {
  const classes = dict(...['0', '1', '10', '2'].flatMap((key, index) => [text(key), int(index)]));

  it('are Maps and keep their order', () => {
    for (const file of [zipCheckpoint(classes), legacyCheckpoint(classes)]) {
      const value = readFake(file) as Map<string, number>;
      expect([...value]).toEqual([
        ['0', 0],
        ['1', 1],
        ['10', 2],
        ['2', 3],
      ]);
    }
  });

  it.each([['01'], ['-1'], ['1.5'], ['4294967295'], ['1e3'], ['a']])('"%s" does not look like one', (key) => {
    const value = readFake(zipCheckpoint(dict(text('b'), int(1), text(key), int(2)))) as object;
    expect(Object.keys(value)).toEqual(['b', key]);
  });

  it('save writes them as dicts in that order', () => {
    const path = join(tmp(), 'classes.pth');
    save(load(zipCheckpoint(dict(text('class_to_idx'), classes))), path);
    expect([...load<{ class_to_idx: Map<string, number> }>(path).class_to_idx.keys()]).toEqual([
      '0',
      '1',
      '10',
      '2',
    ]);
    if (noPythonTorch) return;
    const program = 'import sys, torch; print(torch.load(sys.argv[1], weights_only=True))';
    expect(runPython(program, path).trim()).toBe("{'class_to_idx': {'0': 0, '1': 1, '10': 2, '2': 3}}");
  });
});

describe('safetensors', () => {
  it('null for metadata is none, as for its own reader', () => {
    const header = Buffer.from('{"__metadata__":null,"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
    const file = Buffer.concat([u64(header.length), header, Buffer.alloc(4)]);
    expect([...(readFake(file) as Map<string, unknown>).keys()]).toEqual(['a']);
    const broken = Buffer.from(header.toString().replace('null', 'nul '));
    expect(() => readFake(Buffer.concat([u64(broken.length), broken, Buffer.alloc(4)]))).toThrow();
  });
});

describe('limits that no honest file meets', () => {
  const one = (key: number, size: Piece, stride: Piece) =>
    tensor(storage(int(1), { key: String(key) }), int(0), size, stride);
  const storages = (count: number) =>
    Array.from({ length: count }, (_, key) => [String(key), 1, Buffer.alloc(4)] as const);

  it('20,000 small tensors', () => {
    const entries = Array.from({ length: 20_000 }, (_, key) => [
      text(`w${key}`),
      one(key, tuple(int(1)), tuple(int(1))),
    ]);
    const value = readFake(legacyCheckpoint(dict(...entries.flat()), storages(20_000))) as object;
    expect(Object.keys(value)).toHaveLength(20_000);
  });

  it('a history of 20,000 losses without dimensions', () => {
    const losses = list(
      ...Array.from({ length: 20_000 }, (_, key) => one(key, OP.EMPTY_TUPLE, OP.EMPTY_TUPLE)),
    );
    expect(readFake(legacyCheckpoint(losses, storages(20_000)))).toHaveLength(20_000);
  });

  it('80,000 pairs, a million numbers, a million empty lists', () => {
    const pairs = list(...Array.from({ length: 80_000 }, (_, at) => [int(at), int(1), OP.TUPLE2]));
    expect(readFake(zipCheckpoint(pairs))).toHaveLength(80_000);
    const numbers = list(Buffer.alloc(2_000_000, Buffer.of(OP.BININT1, 7)));
    expect(readFake(zipCheckpoint(numbers))).toHaveLength(1_000_000);
    const empties = list(Buffer.alloc(2_000_000, Buffer.of(OP.EMPTY_LIST, OP.MEMOIZE)));
    expect(readFake(zipCheckpoint(empties))).toHaveLength(1_000_000);
  });

  it('one object in 200,000 places', () => {
    const shared = [
      list(int(1)),
      OP.BINPUT,
      0,
      OP.POP,
      list(Buffer.alloc(400_000, Buffer.of(OP.BINGET, 0))),
    ] as Piece;
    const value = readFake(zipCheckpoint(shared)) as unknown[];
    expect(value).toHaveLength(200_000);
    expect(value[0]).toBe(value.at(-1));
  });

  it('copying one array again and again is refused', () => {
    const bytes = Buffer.alloc(1 << 16);
    const data: Piece = [OP.BINBYTES, u32(bytes.length), bytes];
    const dtype = call(global('numpy', 'dtype'), text('u1'), int(0), int(1));
    const empty = call(
      global('numpy.core.multiarray', '_reconstruct'),
      global('numpy', 'ndarray'),
      tuple(int(0)),
      text('b'),
    );
    const state = tuple(int(1), tuple(int(bytes.length)), [OP.BINGET, 1], OP.NEWFALSE, [OP.BINGET, 0]);
    const kept = [data, OP.BINPUT, 0, OP.POP, dtype, OP.BINPUT, 1, OP.POP] as Piece;
    const arrays = (count: number) =>
      zipCheckpoint([kept, list(...Array(count).fill([empty, state, OP.BUILD]))]);
    expect(readFake(arrays(1))).toHaveLength(1);
    expect(() => readFake(arrays(1000))).toThrow('more copies of its bytes than a checkpoint has');
  });
});
