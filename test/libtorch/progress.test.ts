import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ImageProgress } from '../../lib/cli/network/image-progress.ts';
import { byteProgress, megabytes } from '../../lib/net/progress.ts';

function fakeStream(isTTY: boolean, columns = 100) {
  const stream = new PassThrough();
  Object.assign(stream, { isTTY, columns });
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => String(stream.read() ?? '') };
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});
beforeEach(() => vi.stubEnv('TERM', 'xterm-256color'));

/** What was drawn, without the escape that clears the line first. */
const drawn = (text: string) => text.split('\r\x1b[K').slice(1);

describe('progress in bytes', () => {
  it('is a bar on a terminal', () => {
    const { stream, text } = fakeStream(true);
    const progress = byteProgress('torch', stream);
    progress.update(5_000_000, 20_000_000);
    progress.update(20_000_000, 20_000_000);
    progress.stop();
    expect(text()).toMatch(/torch .* 25% 5\.0\/20 MB.* 100% 20\/20 MB/s);
  });

  it('is a plain line every five seconds elsewhere', () => {
    vi.useFakeTimers();
    const { stream, text } = fakeStream(false);
    const progress = byteProgress('torch', stream);
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

describe('a bar on a narrow terminal', () => {
  const name = 'resnet50_ibn_a-d9d0bb7b.pth';

  it.each([34, 50, 60, 80, 200])('shrinks, and the count does not, at %i columns', (columns) => {
    const images = fakeStream(true, columns);
    const progress = new ImageProgress(152, images.stream);
    progress.advance(64);
    const bytes = fakeStream(true, columns);
    const download = byteProgress(name, bytes.stream);
    download.update(5_000_000, 103_000_000);
    download.stop();
    const [first, second] = drawn(images.text());
    expect(first).toMatch(/ 0\/152 images$/);
    expect(second).toMatch(/ 64\/152 images(, \d+ s left)?$/);
    const [line] = drawn(bytes.text());
    expect(line).toMatch(/ 4% 5\.0\/103 MB\n$/);
    // A line that fills the last column wraps, and what clears it leaves the first part behind.
    for (const text of [first, second, line?.trimEnd()])
      expect((text as string).length).toBeLessThan(columns);
    expect(second?.match(/[█░]+/)?.[0].length).toBeGreaterThanOrEqual(8);
  });

  it('leaves out the note first, then the label, then the bar', () => {
    const lines = [60, 52, 40, 20].map((columns) => {
      const { stream, text } = fakeStream(true, columns);
      const download = byteProgress(name, stream);
      download.update(0, 103_000_000);
      return drawn(text())[0];
    });
    expect(lines).toMatchInlineSnapshot(`
      [
        "resnet50_ibn_a-d9d0bb7b.pth ░░░░░░░░░░░░░░░░░ 0% 0.0/103 MB",
        "resnet50_ibn_a-d9d0bb7b.pth ░░░░░░░░░ 0% 0.0/103 MB",
        "░░░░░░░░░░░░░░░░░░░░░░░░░ 0% 0.0/103 MB",
        "0% 0.0/103 MB",
      ]
    `);
  });

  it('takes 80 columns where the terminal does not tell', () => {
    const { stream, text } = fakeStream(true, 0);
    new ImageProgress(152, stream);
    expect(drawn(text())[0]).toBe(`${'░'.repeat(30)} 0/152 images`);
  });
});

describe('a terminal without escapes', () => {
  it('gets none', () => {
    vi.stubEnv('TERM', 'dumb');
    vi.useFakeTimers();
    const images = fakeStream(true);
    const progress = new ImageProgress(152, images.stream);
    progress.clear();
    progress.advance(64);
    expect(images.text()).toBe('');
    const bytes = fakeStream(true);
    const download = byteProgress('torch', bytes.stream);
    vi.advanceTimersByTime(5_000);
    download.update(5_000_000, 20_000_000);
    download.stop();
    expect(bytes.text()).toBe('torch: 5.0 of 20 MB, 25 %\n');
  });
});
