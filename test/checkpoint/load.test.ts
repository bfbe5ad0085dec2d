import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { load, metadataOf } from '../../lib/checkpoint/index.ts';
import { CheckpointError } from '../../lib/errors.ts';
import { memoryStats, scope, type Tensor } from '../../lib/tensor/index.ts';
import { collectGarbage } from '../helpers/gc.ts';
import { encode, normalize } from './encode.ts';
import { fixturePath } from './fake-backend.ts';
import { nativeView } from './native-view.ts';

const expected: Record<string, unknown> = JSON.parse(readFileSync(fixturePath('expected.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'ibn-net-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

function copyOf(name: string): string {
  const path = join(folder, name);
  copyFileSync(fixturePath(name), path);
  return path;
}

describe('load', () => {
  it.each(Object.keys(expected))('%s gives the tensors that Python gives', (name) => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    expect(encode(load(fixturePath(name)), nativeView)).toEqual(normalize(expected[name]));
    vi.restoreAllMocks();
  });

  it.each(['geometry.zip.pth', 'dtypes.legacy.pth'])(
    '%s reads the same without mapping, and from bytes',
    (name) => {
      const bytes = readFileSync(fixturePath(name));
      expect(encode(load(fixturePath(name), { mmap: false }), nativeView)).toEqual(normalize(expected[name]));
      expect(encode(load(bytes), nativeView)).toEqual(normalize(expected[name]));
    },
  );

  it('takes a file URL', () => {
    expect(load<Tensor>(pathToFileURL(fixturePath('root.zip.pth'))).toArray()).toEqual([0, 1, 2]);
  });

  it('tensors that share a storage in the file share memory', () => {
    const { base, offset } = load<Record<string, Tensor>>(fixturePath('geometry.zip.pth'));
    base?.mul_(0);
    expect(offset?.toArray()).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('one parameter under two names is one tensor', () => {
    const { weight, tied } = load<Record<string, Tensor>>(fixturePath('parameters.zip.pth'));
    expect(weight).toBe(tied);
  });

  it.each(['geometry.zip.pth', 'geometry.legacy.pth'])(
    'writing to tensors of %s leaves the file alone',
    (name) => {
      const path = copyOf(name);
      const before = readFileSync(path);
      load<Record<string, Tensor>>(path).base?.add_(1);
      expect(readFileSync(path).equals(before)).toBe(true);
      expect(load<Record<string, Tensor>>(path).base?.toArray()).toEqual(
        Array.from({ length: 24 }, (_, i) => i),
      );
    },
  );

  it('a parameter takes part in autograd', () => {
    const { weight } = load<Record<string, Tensor>>(fixturePath('parameters.zip.pth'));
    weight?.mul(3).sum().backward();
    expect(weight?.grad?.toArray()).toEqual([
      [3, 3],
      [3, 3],
    ]);
  });

  it('tensors saved on a GPU come to the CPU', () => {
    const { weight } = load<Record<string, Tensor>>(fixturePath('cuda.zip.pth'));
    expect(weight?.device).toBe('cpu');
  });

  it('mapLocation gets the saved device and gives the new one', () => {
    const seen: string[] = [];
    const mapLocation = (location: string) => {
      seen.push(location);
      return 'meta';
    };
    const { weight } = load<Record<string, Tensor>>(fixturePath('cuda.legacy.pth'), { mapLocation });
    expect(seen).toEqual(['cuda:0']);
    expect(weight?.device).toBe('meta');
    expect(weight?.shape).toEqual([4]);
  });

  it('keeps the metadata of a state dict out of its entries', () => {
    const { state_dict } = load<{ state_dict: Map<string, Tensor> }>(fixturePath('training.zip.pth'));
    expect([...state_dict.keys()]).not.toContain('_metadata');
    expect(Object.keys(state_dict)).toEqual([]);
    expect([...(metadataOf(state_dict)?.keys() ?? [])]).toEqual(['', '0', '1', '2', '3', '4']);
  });

  it('warns of Python attributes that are left out', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    load(fixturePath('attributes.zip.pth'));
    const options = { code: 'IBN_CHECKPOINT_LEFT_OUT' };
    const message = 'attributes.zip.pth: Python attributes of a tensor were left out: "note"';
    expect(warn.mock.calls).toEqual([
      [message, options],
      [message, options],
    ]);
    warn.mockRestore();
  });

  it('leaves nothing behind but the tensors', async () => {
    // What earlier tests left must not go in between.
    await collectGarbage();
    const before = memoryStats().tensors;
    scope(() => {
      load(fixturePath('bits.zip.pth'));
      load(fixturePath('geometry.legacy.pth'));
    });
    expect(memoryStats().tensors).toBe(before);
  });

  it('a missing file', () => {
    const path = join(folder, 'missing.pth');
    const message = `missing.pth: could not be read: ENOENT: no such file or directory, open '${path}'`;
    expect(() => load(path)).toThrow(new CheckpointError(message, { code: 'ERR_CHECKPOINT_READ', path }));
  });

  it('a folder', () => {
    expect(() => load(folder)).toThrow('could not be read: not a regular file');
  });

  it('a truncated file', () => {
    const path = copyOf('root.legacy.pth');
    truncateSync(path, 350);
    expect(() => load(path)).toThrow('root.legacy.pth: cut off: storage "');
  });

  it('something that is no path', () => {
    expect(() => load(3 as never)).toThrow(
      new TypeError('Expected a path, URL or Uint8Array for load, got number'),
    );
  });
});
