import { File } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeImage, ImageError, type ImageSource } from '../../lib/data/index.ts';
import { memoryStats, type Tensor } from '../../lib/tensor/index.ts';
import { collectGarbage } from '../helpers/gc.ts';
import { fixture, fixtureJson } from './helpers.ts';

type Decoded = Record<string, { size: [number, number]; sha256: string }>;

function sha256(image: Tensor): string {
  const bytes = image.permute([1, 2, 0]).contiguous().data() as Uint8Array;
  return createHash('sha256').update(bytes).digest('hex');
}

const decoded = fixtureJson<Decoded>('decoded.json');

describe('classify, decoding', () => {
  const same = Object.entries(decoded).filter(([name]) => !name.includes('16-bit'));

  it.each(same)("%s has the pixels of Pillow's convert('RGB')", async (name, expected) => {
    const image = await decodeImage(fixture(`images/${name}`));
    expect(image.dtype).toBe('uint8');
    expect(image.shape).toEqual([3, ...expected.size]);
    expect(sha256(image)).toBe(expected.sha256);
  });

  it('gives a tensor that is freed when it is disposed', async () => {
    await collectGarbage();
    const before = memoryStats().tensors;
    const image = await decodeImage(fixture('images/modes/422.jpg'));
    expect(memoryStats().tensors - before).toBe(1);
    image.dispose();
    expect(memoryStats().tensors - before).toBe(0);
  });

  it('keeps the upper eight bits of 16-bit gray, where Pillow saturates', async () => {
    const deep = await decodeImage(fixture('images/modes/gray-16-bit.png'));
    const plain = await decodeImage(fixture('images/modes/gray.png'));
    const gap = deep.to('int32').sub(plain.to('int32')).abs().max().item();
    expect(gap).toBeLessThanOrEqual(1);
  });

  it('reads bytes and streams as it reads files', async () => {
    const path = fixture('images/modes/422.jpg');
    const fromPath = sha256(await decodeImage(path));
    expect(sha256(await decodeImage(await readFile(path)))).toBe(fromPath);
    expect(sha256(await decodeImage(createReadStream(path)))).toBe(fromPath);
  });

  it('reads file URLs, ArrayBuffers, views of them, Blobs and Files as it reads files', async () => {
    const path = fixture('images/modes/422.jpg');
    const bytes = await readFile(path);
    const padded = new Uint8Array(bytes.length + 7);
    padded.set(bytes, 5);
    const exact = Uint8Array.from(bytes).buffer;
    const shared = new SharedArrayBuffer(bytes.length);
    new Uint8Array(shared).set(bytes);
    const sources = [
      pathToFileURL(path),
      pathToFileURL(path).href,
      exact,
      shared,
      padded.subarray(5, 5 + bytes.length),
      new DataView(padded.buffer, 5, bytes.length),
      new Uint8ClampedArray(exact),
      new Blob([exact]),
      new File([new Uint8Array(exact)], 'x.jpg'),
      new Blob([exact]).stream(),
    ];
    const read = await Promise.all(sources.map(async (source) => sha256(await decodeImage(source))));
    expect(new Set(read)).toEqual(new Set([sha256(await decodeImage(path))]));
  });

  it('says what to do with URLs of other kinds, text streams and links that lead nowhere', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ibn-image-'));
    symlinkSync('../gone.jpg', join(folder, 'link.jpg'));
    const text = createReadStream(fixture('images/modes/422.jpg'), 'latin1');
    const messages = await Promise.all(
      [
        decodeImage(new URL('https://example.org/cat.jpg')),
        decodeImage('https://example.org/cat.jpg'),
        decodeImage(text as unknown as ImageSource),
        decodeImage(join(folder, 'link.jpg')),
        decodeImage(join(folder, 'caf\ufffd.jpg')),
        decodeImage(null as unknown as ImageSource),
      ].map((attempt) => attempt.then(String, (error: Error) => error.message.replace(folder, '<folder>'))),
    );
    rmSync(folder, { recursive: true });
    expect(messages).toMatchInlineSnapshot(`
      [
        "Expected a file: URL for decodeImage, got https://example.org/cat.jpg; fetch it and pass the body",
        "https://example.org/cat.jpg: no file but a URL; fetch it and pass the body",
        "Expected bytes from the stream for decodeImage, got string; leave its encoding unset",
        "<folder>/link.jpg: a link that leads nowhere (../gone.jpg); restore what it names or remove it",
        "<folder>/caf�.jpg: no such file; arguments lose bytes that are not UTF-8 (shown as �): pass the folder it lies in, or its bytes",
        "Expected a path, a file: URL, bytes, a Blob or a stream for decodeImage, got null",
      ]
    `);
  });

  it('names the file and what to do when there is none', async () => {
    const error = await decodeImage('no/such.jpg').catch((reason) => reason);
    expect(error).toBeInstanceOf(ImageError);
    expect(error).toMatchObject({ code: 'ERR_IMAGE_NOT_FOUND', path: 'no/such.jpg' });
    expect(error.message).toMatchInlineSnapshot(`"no/such.jpg: no such file; check the path"`);
  });

  it('names what is no image, what is empty, what is a folder and what is cut short', async () => {
    const whole = await readFile(fixture('images/modes/422.jpg'));
    const messages = await Promise.all(
      [
        decodeImage(Buffer.from('not an image'), { name: 'standard input' }),
        decodeImage(new Uint8Array(0)),
        decodeImage(fixture('images')),
        decodeImage(whole.subarray(0, whole.length / 2), { name: 'half.jpg' }),
        decodeImage(42 as unknown as string),
      ].map((attempt) => attempt.then(String, (error: Error) => error.message.replace(fixture(''), ''))),
    );
    expect(messages).toMatchInlineSnapshot(`
      [
        "standard input: not a readable image (it begins with the bytes 6e6f7420616e2069, as no readable format does); pass an undamaged JPEG, PNG, WebP, GIF, TIFF, BMP, PNM or AVIF",
        "image: the image is empty; pass one with data",
        "images: is a folder; pass an image file",
        "half.jpg: not a readable image (the file is truncated or damaged: VipsJpeg: premature end of JPEG image); pass an undamaged JPEG, PNG, WebP, GIF, TIFF, BMP, PNM or AVIF",
        "Expected a path, a file: URL, bytes, a Blob or a stream for decodeImage, got number",
      ]
    `);
  });
});
