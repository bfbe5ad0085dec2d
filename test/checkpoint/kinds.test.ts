import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import * as torch from '../../lib/index.ts';
import { encodeLoaded, normalized } from '../../scripts/corpus/encode.mjs';
import { fixturePath } from './fake-backend.ts';

const expected: Record<string, unknown> = JSON.parse(readFileSync(fixturePath('kinds.json'), 'utf8'));

/** By kind, so that a difference names it. Kinds share nothing but their file. */
function byKind(encoded: unknown): Record<string, unknown> {
  const [entries] = Object.values(encoded as Record<string, [string, unknown][]>);
  return Object.fromEntries(entries as [string, unknown][]);
}

function load(name: string): Record<string, unknown> {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const loaded = torch.load<Record<string, unknown>>(fixturePath(name));
  vi.restoreAllMocks();
  return loaded;
}

/** Whole modules by their state dicts. */
function stateDicts(modules: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(modules).map(([kind, value]) => [kind, torch.checkpoint.stateDictOf(value)]);
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}

describe('what people keep in checkpoints', () => {
  it.each(Object.keys(expected))('%s reads as Python reads it', (name) => {
    const loaded = /script|trace/.test(name) ? { module: load(name) } : load(name);
    const shown = name.startsWith('kinds-modules') ? stateDicts(loaded) : loaded;
    expect(byKind(encodeLoaded(shown, torch))).toEqual(byKind(normalized(expected[name])));
  });

  it('names the classes of what is described, and what they stand for', () => {
    const { path, datetime, partial, uuid } = load('kinds-python.zip.pth') as Record<
      string,
      torch.checkpoint.InertObject
    >;
    expect([path?.className, path?.value]).toEqual(['pathlib.PosixPath', '/tmp/x']);
    expect([datetime?.className, datetime?.value]).toEqual([
      'datetime.datetime',
      '2024-02-29T13:05:06.070809',
    ]);
    expect(uuid?.value).toBe('12345678-1234-5678-1234-567812345678');
    expect(partial).toMatchObject({
      className: 'functools.partial',
      args: [{ name: 'torch.nn.modules.normalization.LayerNorm' }],
    });
  });

  it("reads with { unknown: 'refuse' } what is data, and stops at the first class that is not", () => {
    expect(() => torch.load(fixturePath('kinds-packages.zip.pth'), { unknown: 'refuse' })).toThrow(
      /blocked global "omegaconf.dictconfig.DictConfig" at "omegaconf"/,
    );
  });

  it('whole modules go into a module, under a key or by themselves', () => {
    const { module } = load('kinds-modules.zip.pth');
    const model = new torch.nn.Sequential(
      new torch.nn.Conv2d(3, 4, 3),
      new torch.nn.BatchNorm2d(4),
      new torch.nn.ReLU(),
      new torch.nn.Flatten(),
      new torch.nn.Linear(4, 2),
    );
    const result = model.loadStateDict(torch.checkpoint.stateDictOf({ epoch: 1, model: module }));
    expect(result.loaded).toHaveLength(9);
  });
});
