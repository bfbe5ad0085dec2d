import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { load, metadataOf, save, saveSafetensors, textsOf } from '../../lib/checkpoint/index.ts';
import { type ConvertOptions, convertFile } from '../../lib/cli/convert/rewrite.ts';
import * as nn from '../../lib/nn/index.ts';
import { ones, type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
import { noPythonTorch, runPython } from '../checkpoint/python-torch.ts';
import { errorOf } from '../helpers/errors.ts';
import { dist } from '../helpers/files.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-convert-'));
const from = join(scratch, 'in.pth');
beforeEach(() => {
  for (const name of readdirSync(scratch)) rmSync(join(scratch, name));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const at = (name: string) => join(scratch, name);
const state = () =>
  new Map<string, Tensor>([
    [
      'module.conv.weight',
      tensor([
        [1.5, 2],
        [3, 4],
      ]),
    ],
    ['module.conv.bias', tensor([0.25, 1e6])],
    ['module.count', tensor([7n])],
  ]);

function converted(value: unknown, name: string, options: ConvertOptions = {}) {
  save(value, from);
  const { notes } = convertFile(from, at(name), options);
  const read = load<Map<string, Tensor>>(at(name));
  return { notes, read, keys: [...read.keys()] };
}

const refusal = (value: unknown, name: string, options: ConvertOptions = {}) => {
  const { message } = errorOf(() => converted(value, name, options)) as Error;
  expect(readdirSync(scratch)).toEqual(['in.pth']);
  return message.replaceAll(scratch, '<scratch>');
};

describe('convert', () => {
  it.each(['out.safetensors', 'out.pth', 'out.pth.tar', 'out.bin'])(
    'to %s and back keeps every number',
    (name) => {
      const { read, notes } = converted(state(), name);
      expect(notes).toEqual([]);
      convertFile(at(name), at('back.pth'));
      const back = load<Map<string, Tensor>>(at('back.pth'));
      for (const [key, value] of state()) {
        expect([read.get(key)?.dtype, read.get(key)?.toArray()]).toEqual([value.dtype, value.toArray()]);
        expect([back.get(key)?.dtype, back.get(key)?.toArray()]).toEqual([value.dtype, value.toArray()]);
      }
    },
  );

  it('converts floating-point tensors alone, and says what became infinite', () => {
    const { read, notes } = converted(state(), 'out.pth', { dtype: 'float16' });
    expect([...read.values()].map(({ dtype }) => dtype)).toEqual(['float16', 'float16', 'int64']);
    expect(read.get('module.conv.weight')?.toArray()).toEqual([
      [1.5, 2],
      [3, 4],
    ]);
    expect(notes).toEqual(['Infinite in float16: 1 number of "module.conv.bias"']);
  });

  it('renames keys: prefixes, fronts, single keys, patterns', () => {
    const keys = (options: ConvertOptions) => converted(state(), 'out.pth', { ...options, force: true }).keys;
    expect(keys({ stripPrefix: 'module.' })).toEqual(['conv.weight', 'conv.bias', 'count']);
    expect(keys({ stripPrefix: 'auto', addPrefix: 'backbone.' })).toEqual([
      'backbone.conv.weight',
      'backbone.conv.bias',
      'backbone.count',
    ]);
    expect(keys({ rename: ['module.conv=stem', 'module.count=n'] })).toEqual([
      'stem.weight',
      'stem.bias',
      'n',
    ]);
    expect(keys({ rename: ['/^module\\.(\\w+)/=net.$1'] })).toEqual([
      'net.conv.weight',
      'net.conv.bias',
      'net.count',
    ]);
    expect(keys({ rename: ['module.='] })).toEqual(['conv.weight', 'conv.bias', 'count']);
  });

  it('refuses renames that fit nothing or make two keys one, and endings that it does not know', () => {
    expect([
      refusal(state(), 'out.pth', { rename: ['modul=x'] }),
      refusal(state(), 'out.pth', { stripPrefix: 'base.' }),
      refusal(state(), 'out.pth', { rename: ['/weight|bias/=x'] }),
      refusal(state(), 'out.pth', { rename: ['module'] }),
      refusal(state(), 'out.txt'),
      refusal(state(), 'pth'),
    ]).toMatchInlineSnapshot(`
      [
        "Expected a key that --rename modul=x changes, got none, such as "module.conv.weight"",
        "Expected a key that --strip-prefix base. changes, got none, such as "module.conv.weight"",
        "Expected distinct keys after renaming, got "module.conv.x" twice",
        "Expected OLD=NEW or /PATTERN/=NEW for --rename, got "module"",
        "Expected a name that ends in .safetensors, .pth, .pt, .bin, .ckpt, .tar for the output, got "out.txt"",
        "Expected a name that ends in .safetensors, .pth, .pt, .bin, .ckpt, .tar for the output, got "pth"",
      ]
    `);
  });

  it('drops nothing in silence', () => {
    const training = { state_dict: state(), epoch: 3, optimizer: { lr: 0.1 } };
    expect(refusal(training, 'out.safetensors')).toMatchInlineSnapshot(
      `"Expected a file of tensors only, got "epoch", "optimizer" beside them in in.pth; pass --drop to leave that out"`,
    );
    expect(refusal(new Map<string, unknown>(state()).set('version', 2), 'out.pth')).toContain(
      'got "version" beside',
    );
    const { notes, keys } = converted(training, 'out.safetensors', { drop: true });
    expect(notes).toEqual(['Left out: "epoch", "optimizer"']);
    expect(keys).toHaveLength(3);
  });

  it('keeps versions of modules where keys stay, and texts where there is place', () => {
    const { read, notes } = converted(new nn.BatchNorm1d(2).stateDict(), 'out.pth');
    expect([metadataOf(read)?.size, notes]).toEqual([1, []]);
    const { notes: lost } = converted(new nn.BatchNorm1d(2).stateDict(), 'out.safetensors');
    expect(lost).toEqual(['Left out, as safetensors has no place for them: versions of modules']);
    saveSafetensors({ w: ones([1]) }, at('texts.safetensors'), { metadata: { format: 'pt', epoch: '3' } });
    convertFile(at('texts.safetensors'), at('again.safetensors'));
    expect(textsOf(load(at('again.safetensors')))).toEqual({ format: 'pt', epoch: '3' });
    expect(convertFile(at('texts.safetensors'), at('texts.pth')).notes).toEqual([
      'Left out, as a .pth file has no texts: epoch',
    ]);
  });

  it('keeps shared memory in .pth files and asks for safetensors', () => {
    const base = zeros([4]);
    const shared = new Map([
      ['a', base],
      ['b', base],
      ['c', base.narrow(0, 2, 2)],
      ['d', ones([1])],
    ]);
    const { read } = converted(shared, 'out.pth');
    read.get('a')?.fill_(3);
    expect([read.get('b')?.toArray(), read.get('c')?.toArray()]).toEqual([
      [3, 3, 3, 3],
      [3, 3],
    ]);
    rmSync(at('out.pth'));
    expect(refusal(shared, 'out.safetensors')).toMatchInlineSnapshot(
      `"Expected tensors with memory of their own for safetensors, got one storage under "a", "b", "c"; pass --clone to write each by itself"`,
    );
    const { notes, keys } = converted(shared, 'out.safetensors', { clone: true });
    expect(keys.sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(notes).toEqual(['Written by itself each, though one storage before: a, b, c']);
    expect(converted(shared, 'half.pth', { dtype: 'float16' }).notes).toEqual([
      'Converted each by itself, though one storage before: a, b, c',
    ]);
  });

  it('writes over a file only when told to, also over its own input', () => {
    writeFileSync(at('out.pth'), 'old');
    save(state(), from);
    const { message } = errorOf(() => convertFile(from, at('out.pth')));
    expect(message.replaceAll(scratch, '<scratch>')).toMatchInlineSnapshot(
      `"Expected a new file, got <scratch>/out.pth, which is there; pass --force to write over it"`,
    );
    expect(readFileSync(at('out.pth'), 'utf8')).toBe('old');
    convertFile(from, from, { force: true, stripPrefix: 'module.' });
    expect([...load<Map<string, Tensor>>(from).keys()]).toEqual(['conv.weight', 'conv.bias', 'count']);
  });

  it.skipIf(noPythonTorch)(
    'gives files that Python reads with equal numbers, from a whole module too',
    () => {
      runPython('import sys, torch; torch.save(torch.nn.Linear(2, 3), sys.argv[1])', at('module.pt'));
      convertFile(at('module.pt'), at('module.safetensors'));
      convertFile(at('module.safetensors'), at('plain.pth'));
      const program = `
import sys, torch
from safetensors.torch import load_file
one = torch.load(sys.argv[1], weights_only=False).state_dict()
for other in (load_file(sys.argv[2]), torch.load(sys.argv[3], weights_only=True)):
    assert {k: v.tolist() for k, v in one.items()} == {k: v.tolist() for k, v in other.items()}
print('equal')`;
      expect(runPython(program, at('module.pt'), at('module.safetensors'), at('plain.pth'))).toBe('equal\n');
    },
  );
});

describe('convert, the command line', () => {
  function ibnNet(...args: string[]) {
    const child = spawnSync(process.execPath, [join(dist, 'cli/main.js'), 'convert', ...args], {
      encoding: 'utf8',
    });
    return {
      status: child.status,
      stdout: child.stdout,
      stderr: child.stderr.replaceAll(scratch, '<scratch>'),
    };
  }

  it('says what it did, and fails with status 1', () => {
    save({ model: state(), epoch: 1 }, from);
    const done = ibnNet(
      from,
      at('out.safetensors'),
      '--half',
      '--drop',
      '--rename',
      'module.conv=stem',
      '--rename',
      'module.count=n',
    );
    expect(done).toMatchInlineSnapshot(`
      {
        "status": 0,
        "stderr": "",
        "stdout": "Left out: "epoch"
      Infinite in float16: 1 number of "stem.bias"
      out.safetensors: 3 tensors, 20 B
      ",
      }
    `);
    const failures = [
      ibnNet(from, at('out.safetensors'), '--drop'),
      ibnNet(from, at('more.pth')),
      ibnNet(at('none.pth'), at('more.pth')),
      ibnNet(from, at('more.pth'), '--half', '--dtype', 'float32'),
      ibnNet(from, join(scratch, 'no-folder', 'more.pth'), '--drop'),
    ];
    expect(failures.map(({ status }) => status)).toEqual([1, 1, 1, 1, 1]);
    expect(
      failures.map(({ stderr }) => stderr.split('\n')[0]?.replace(/\.more\.pth\.\w+/, '.more.pth.<n>')),
    ).toMatchInlineSnapshot(`
      [
        "Expected a new file, got <scratch>/out.safetensors, which is there; pass --force to write over it",
        "Expected a file of tensors only, got "epoch" beside them in in.pth; pass --drop to leave that out",
        "none.pth: could not be read: ENOENT: no such file or directory, open '<scratch>/none.pth'",
        "error: option '--half' cannot be used with option '--dtype <dtype>'",
        "more.pth: could not be written: ENOENT: no such file or directory, open '<scratch>/no-folder/.more.pth.<n>.tmp'",
      ]
    `);
    expect(readdirSync(scratch).sort()).toEqual(['in.pth', 'out.safetensors']);
  });
});
