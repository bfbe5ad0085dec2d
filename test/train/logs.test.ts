import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EventFile } from '../../lib/train/index.ts';
import { crc32c } from '../../lib/train/logs/crc32c.ts';
import { fixture, tmp } from '../helpers/files.ts';

afterEach(() => void vi.useRealTimers());

describe('event files', () => {
  it('are what TensorBoard writes, byte for byte', () => {
    vi.useFakeTimers();
    vi.setSystemTime(1_800_000_000_250);
    const folder = tmp();
    const file = new EventFile(folder, 301);
    file.add(2 ** 40 + 5, { 'loss/train': 0.1, 'größe/val': Number.NaN, lr: 1e-7 });
    file.add(7, {});
    const found = readFileSync(file.path).toString('hex');
    expect(found).toBe(fixture<{ hex: string }>('train/events.json').hex);
    expect(file.path).toMatch(/\/events\.out\.tfevents\.1800000000\.[^/]+\.\d+\.\d+$/);
  });

  it('have names in the order they were made, whoever made the one before in the same second', () => {
    vi.useFakeTimers();
    vi.setSystemTime(1_800_000_000_250);
    const folder = tmp();
    writeFileSync(join(folder, 'events.out.tfevents.1800000000.zzz.99999.0'), '');
    const names = [new EventFile(folder), new EventFile(folder)].map(({ path }) => basename(path));
    expect(readdirSync(folder).sort().slice(1)).toEqual(names);
  });
});

describe('crc32c', () => {
  it('is that of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 255))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.alloc(0))).toBe(0);
  });
});
