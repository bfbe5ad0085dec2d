import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { byteProgress, megabytes } from '../../lib/net/progress.ts';

function fakeStream(isTTY: boolean) {
  const stream = new PassThrough() as PassThrough & { isTTY: boolean; columns: number };
  Object.assign(stream, { isTTY, columns: 100, cursorTo: () => true, clearLine: () => true });
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => String(stream.read() ?? '') };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('progress', () => {
  it('is a bar on a terminal', async () => {
    const { stream, text } = fakeStream(true);
    const progress = await byteProgress('torch', stream);
    progress.update(5_000_000, 20_000_000);
    progress.update(20_000_000, 20_000_000);
    progress.stop();
    expect(text()).toMatch(/torch .* 25% 5\.0\/20 MB.* 100% 20\/20 MB/s);
  });

  it('is a plain line every five seconds elsewhere', async () => {
    vi.useFakeTimers();
    const { stream, text } = fakeStream(false);
    const progress = await byteProgress('torch', stream);
    progress.update(1_000_000, 20_000_000);
    vi.advanceTimersByTime(5_000);
    progress.update(5_000_000, 20_000_000);
    progress.update(6_000_000, 20_000_000);
    vi.advanceTimersByTime(5_000);
    progress.update(7_000_000, undefined);
    progress.stop();
    expect(text()).toBe('torch: 5.0 of 20 MB, 25 %\ntorch: 7.0 MB\n');
  });

  it('counts in megabytes', () => {
    expect([megabytes(1_234_567), megabytes(191_794_682)]).toEqual(['1.2', '192']);
  });
});
