import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeImage, IMAGE_EXTENSIONS, ImageError, READABLE_EXTENSIONS } from '../../lib/data/index.ts';
import { root } from '../helpers/files.ts';
import { fixture } from './helpers.ts';
import { noPillow, runNode } from './python-pillow.ts';

/** A file, and what Pillow reads in it; see scripts/images/reference.py. */
interface Entry {
  data: string;
  kind?: string;
  size?: [number, number];
  sha256?: string;
  pixels?: string;
  refused?: string;
}

interface Read {
  size: number[];
  pixels: Uint8Array;
}

const files: Record<string, Entry> = JSON.parse(
  gunzipSync(readFileSync(fixture('data/nasty-images.json.gz'))).toString(),
).files;
const bytesOf = (name: string) => Buffer.from((files[name] as Entry).data, 'base64');

async function read(bytes: Uint8Array): Promise<Read | ImageError> {
  try {
    const image = await decodeImage(bytes);
    const pixels = image.permute([1, 2, 0]).contiguous().data() as Uint8Array;
    return { size: image.shape.slice(1), pixels };
  } catch (error) {
    if (error instanceof ImageError) return error;
    throw error;
  }
}

function isEqual(result: Read | ImageError | undefined, { size, sha256 }: Entry): boolean {
  if (result === undefined || result instanceof ImageError) return false;
  return (
    String(result.size) === String(size) &&
    createHash('sha256').update(result.pixels).digest('hex') === sha256
  );
}

const isAvif = (name: string) => name.endsWith('.avif');
const readByPillow = Object.entries(files).filter(([, { refused }]) => refused === undefined);

describe('decodeImage beside Pillow, file by file', () => {
  const results = new Map<string, Read | ImageError>();
  beforeAll(async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    for (const name of Object.keys(files)) results.set(name, await read(bytesOf(name)));
    vi.restoreAllMocks();
  });

  it('is equal to the last bit or refuses, never different', () => {
    const different = readByPillow
      .filter(([name, entry]) => !isAvif(name) && !isEqual(results.get(name), entry))
      .filter(([name]) => !(results.get(name) instanceof ImageError));
    expect(different.map(([name]) => name)).toEqual([]);
    const equal = readByPillow.filter(([name, entry]) => isEqual(results.get(name), entry));
    expect(equal.length).toBeGreaterThan(600);
  });

  it('refuses these kinds that Pillow reads, each with its reason', () => {
    const reasons = new Map<string, number>();
    for (const [name] of readByPillow) {
      const result = results.get(name);
      if (!(result instanceof ImageError)) continue;
      const reason = result.message.slice('image: '.length).split('; ')[0] as string;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    expect([...reasons].sort().map(([reason, count]) => `${count} x ${reason}`)).toMatchInlineSnapshot(`
      [
        "4 x DDS is not read",
        "7 x JPEG 2000 is not read",
        "3 x PCX is not read",
        "2 x QOI is not read",
        "2 x SGI is not read",
        "6 x TGA is not read",
        "1 x a BMP of 4 bits with 2 shades of gray is not read",
        "1 x a BMP of 8 bits with 2 shades of gray is not read",
        "1 x a TIFF of CIE Lab with 8+8+8 bits in separate planes is not read",
        "1 x a TIFF of CIE Lab with 8+8+8 bits is not read",
        "1 x a TIFF of CIE Lab with 8+8+8 bits, LZW is not read",
        "2 x a TIFF of CIE Lab with 8+8+8 bits, deflate is not read",
        "1 x a TIFF of YCbCr with 8+8+8 bits in separate planes is not read",
        "1 x a TIFF of YCbCr with 8+8+8 bits is not read",
        "2 x a TIFF of gray with 12 bits is not read",
        "2 x a TIFF of gray with signed 16 bits is not read",
        "2 x a TIFF of gray with signed 8 bits is not read",
        "2 x a TIFF of gray, white first with 16 bits is not read",
        "4 x a TIFF with LZMA compression is not read",
        "4 x a TIFF with Zstandard compression is not read",
        "2 x not a readable image (contains unsupported image format)",
        "1 x not a readable image (it begins with the bytes 0a02010100000000, as no readable format does)",
        "1 x not a readable image (it begins with the bytes 23646566696e6520, as no readable format does)",
        "1 x not a readable image (it begins with the bytes 44616e4d15000d00, as no readable format does)",
        "6 x not a readable image (it begins with the bytes 496d616765207479, as no readable format does)",
        "1 x not a readable image (it has the byte 0x2b where a number belongs)",
        "1 x not a readable image (its smallest code has 0 bits, not 1 to 8)",
        "1 x not a readable image (its width is "+3", not a whole number)",
        "11 x not a readable image (the file is truncated or damaged: its header is damaged)",
        "4 x not a readable image (the file is truncated or damaged: vipspng: libpng read error)",
      ]
    `);
  });

  it('reads these that Pillow refuses, all of them whole', () => {
    const names = Object.keys(files).filter(
      (name) => files[name]?.refused !== undefined && !(results.get(name) instanceof ImageError),
    );
    expect(names).toMatchInlineSnapshot(`
      [
        "cut--3.gif",
        "tiff-be-big-fill1-16bit-p1.tif",
        "tiff-be-big-fill1-1bit-p0.tif",
        "tiff-be-big-fill1-1bit-p1.tif",
        "tiff-be-big-fill1-1bit-p3.tif",
        "tiff-be-big-fill1-2bit-p0.tif",
        "tiff-be-big-fill1-2bit-p1.tif",
        "tiff-be-big-fill1-2bit-p3.tif",
        "tiff-be-big-fill1-32bit-p1.tif",
        "tiff-be-big-fill1-4bit-p0.tif",
        "tiff-be-big-fill1-4bit-p1.tif",
        "tiff-be-big-fill1-4bit-p3.tif",
        "tiff-be-big-fill1-8bit-p0.tif",
        "tiff-be-big-fill1-8bit-p1.tif",
        "tiff-be-big-fill2-16bit-p1.tif",
        "tiff-be-big-fill2-1bit-p0.tif",
        "tiff-be-big-fill2-1bit-p1.tif",
        "tiff-be-big-fill2-1bit-p3.tif",
        "tiff-be-big-fill2-2bit-p0.tif",
        "tiff-be-big-fill2-2bit-p1.tif",
        "tiff-be-big-fill2-2bit-p3.tif",
        "tiff-be-big-fill2-32bit-p1.tif",
        "tiff-be-big-fill2-4bit-p0.tif",
        "tiff-be-big-fill2-4bit-p1.tif",
        "tiff-be-big-fill2-4bit-p3.tif",
        "tiff-be-big-fill2-8bit-p0.tif",
        "tiff-be-big-fill2-8bit-p1.tif",
        "tiff-be-fill1-32bit-p1.tif",
        "tiff-be-fill2-16bit-p1.tif",
        "tiff-be-fill2-1bit-p3.tif",
        "tiff-be-fill2-2bit-p3.tif",
        "tiff-be-fill2-32bit-p1.tif",
        "tiff-be-fill2-4bit-p3.tif",
        "tiff-be-fill2-8bit-p0.tif",
        "tiff-le-big-fill2-1bit-p3.tif",
        "tiff-le-big-fill2-2bit-p3.tif",
        "tiff-le-big-fill2-32bit-p1.tif",
        "tiff-le-big-fill2-4bit-p3.tif",
        "tiff-le-big-fill2-8bit-p0.tif",
        "tiff-le-fill2-1bit-p3.tif",
        "tiff-le-fill2-2bit-p3.tif",
        "tiff-le-fill2-32bit-p1.tif",
        "tiff-le-fill2-4bit-p3.tif",
        "tiff-le-fill2-8bit-p0.tif",
      ]
    `);
  });

  it('differs little for AVIF, whose colours another library interpolates', () => {
    const avif = readByPillow.filter(([name]) => isAvif(name) && !(results.get(name) instanceof ImageError));
    expect(avif.length).toBeGreaterThan(20);
    for (const [name, { size, pixels }] of avif) {
      const { size: shape, pixels: ours } = results.get(name) as Read;
      const theirs = Buffer.from(pixels as string, 'base64');
      expect(shape).toEqual(size);
      const mean =
        ours.reduce((sum, value, at) => sum + Math.abs(value - (theirs[at] as number)), 0) / ours.length;
      expect(mean, name).toBeLessThan(name.startsWith('444') ? 0.6 : 2);
    }
  });

  it.each([
    ['turns a TIFF by its orientation', /^turned-[2-8]-(1|RGB)\.tif$|^tiff-.*-xmp-/, 13],
    ['keeps the palette colour of transparent pixels of a GIF', /^gif-(global|none|ramp).*-t3\.gif$/, 18],
    ['reads a JPEG with stray bytes before a marker', /^jpeg-(stray-|restart-stray)/, 8],
    ['reads BMP', /\.(bmp|dib)$/, 150],
    ['reads PBM, PGM, PPM and PFM', /\.pnm$/, 100],
    ['divides by alpha where a TIFF is multiplied by it', /^tiff-.*-p2-.*bit-[45]-10?-/, 3],
  ])('%s', (_, pattern, least) => {
    const equal = readByPillow.filter(
      ([name, entry]) => pattern.test(name) && isEqual(results.get(name), entry),
    );
    expect(equal.length).toBeGreaterThanOrEqual(least);
  });

  it('leaves an AVIF as it lies, turned and mirrored as it may ask to be', () => {
    const upright = results.get('orientation-1.avif') as Read;
    for (let orientation = 2; orientation <= 8; orientation++) {
      const { size, pixels } = results.get(`orientation-${orientation}.avif`) as Read;
      expect([size, Buffer.compare(pixels, upright.pixels)]).toEqual([upright.size, 0]);
    }
  });
});

describe('decodeImage under attack', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('ends 2,000 damaged files with pixels or an ImageError', async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const names = Object.keys(files);
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let refused = 0;
    for (let round = 0; round < 2000; round++) {
      const bytes = bytesOf(names[random(names.length)] as string);
      for (let damage = random(4); damage >= 0; damage--) bytes[random(bytes.length)] = random(256);
      const whole = random(4) > 0 ? bytes : bytes.subarray(0, random(bytes.length));
      if ((await read(whole)) instanceof ImageError) refused++;
    }
    expect(refused).toBeGreaterThan(500);
    expect(refused).toBeLessThan(2000);
  });

  /** A PGM, BMP and GIF of a size that has no data. */
  function claims(width: number, height: number): Buffer[] {
    const bmp = bytesOf('bmp-40-24bit.bmp');
    bmp.writeInt32LE(width, 18);
    bmp.writeInt32LE(height, 22);
    const gif = bytesOf('gif-global.gif');
    gif.writeUInt16LE(Math.min(width, 65535), 6);
    gif.writeUInt16LE(Math.min(height, 65535), 8);
    return [Buffer.from(`P5\n${width} ${height}\n255\n`), bmp, gif];
  }

  it("refuses more pixels than Pillow's limit before it takes memory for them", async () => {
    const before = process.memoryUsage().arrayBuffers;
    const messages = await Promise.all(
      claims(60000, 60000).map((bytes) => decodeImage(bytes, { name: 'x' }).catch((error) => error)),
    );
    expect(messages.map(({ code, message }) => [code, message])).toMatchInlineSnapshot(`
      [
        [
          "ERR_IMAGE_TOO_LARGE",
          "x: its 60000x60000 pixels are more than 178956970; pass { maxPixels } if it is no attack",
        ],
        [
          "ERR_IMAGE_TOO_LARGE",
          "x: its 60000x60000 pixels are more than 178956970; pass { maxPixels } if it is no attack",
        ],
        [
          "ERR_IMAGE_TOO_LARGE",
          "x: its 60000x60000 pixels are more than 178956970; pass { maxPixels } if it is no attack",
        ],
      ]
    `);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 24);
  });

  it('finds that data is missing before it takes memory for pixels', async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const before = process.memoryUsage().arrayBuffers;
    const [pgm, bmp] = claims(13000, 13000) as [Buffer, Buffer];
    await expect(decodeImage(pgm)).rejects.toThrow('the file is truncated');
    await expect(decodeImage(bmp)).rejects.toThrow('the file is truncated');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 24);
  });

  it('warns from half of the limit on, and takes another limit', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const [pgm] = claims(10000, 10000) as [Buffer];
    await expect(decodeImage(pgm)).rejects.toThrow('truncated');
    expect(warn.mock.calls).toMatchInlineSnapshot(`
      [
        [
          "an image of 10000x10000 pixels is decoded: more than 89478485, which may be an attack",
          {
            "code": "IBN_IMAGE_LARGE",
          },
        ],
      ]
    `);
    await expect(decodeImage(bytesOf('mode-RGB.png'), { maxPixels: 100 })).rejects.toMatchObject({
      code: 'ERR_IMAGE_TOO_LARGE',
    });
    const huge = claims(20000, 20000)[0] as Buffer;
    await expect(decodeImage(huge, { maxPixels: Infinity })).rejects.toThrow('truncated');
    await expect(decodeImage(pgm, { maxPixels: 0 })).rejects.toThrow(
      'Expected a positive number for decodeImage maxPixels, got 0',
    );
    await expect(decodeImage(pgm, { maxPixel: 5 } as object)).rejects.toThrow('did you mean maxPixels?');
  });

  it('tells once of each of the two departures', async () => {
    vi.resetModules();
    const fresh = await import('../../lib/data/image.ts');
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const names = [
      'mode-RGB.avif',
      'mode-I16.png',
      'pnm-P5-1000.pnm',
      'mode-RGBA.avif',
      'mode-I16.tif',
      'mode-L.png',
    ];
    for (const name of names) await fresh.decodeImage(bytesOf(name));
    expect(warn.mock.calls).toMatchInlineSnapshot(`
      [
        [
          "AVIF is decoded by libheif here and by libavif in Pillow: where colours change, values differ",
          {
            "code": "IBN_IMAGE_DEPARTURE",
          },
        ],
        [
          "16-bit gray keeps its upper eight bits here, and is cut at 255 in Pillow",
          {
            "code": "IBN_IMAGE_DEPARTURE",
          },
        ],
      ]
    `);
  });
});

describe('decodeImage and the event loop', () => {
  it.each(['CMYK', 'gray', 'BMP', 'GIF', 'PNM'])(
    'gives way while it converts a large %s image',
    async (kind) => {
      const { inSlices } = await import('../../lib/data/image/pixels.ts');
      const { cmykToRgb, grayToRgb } = await import('../../lib/data/image/colours.ts');
      const { decodeBmp } = await import('../../lib/data/image/bmp.ts');
      const { decodeGif } = await import('../../lib/data/image/gif.ts');
      const { decodePnm } = await import('../../lib/data/image/pnm.ts');
      const [width, height] = [4000, 3000];
      const bmp = Buffer.alloc(54 + 3 * width * height);
      bytesOf('bmp-40-24bit.bmp').copy(bmp, 0, 0, 54);
      bmp.writeInt32LE(width, 18);
      bmp.writeInt32LE(height, 22);
      const work = {
        CMYK: () => cmykToRgb(new Uint8Array(4 * width * height), 4),
        gray: () => grayToRgb(new Uint8Array(width * height)),
        BMP: () => decodeBmp(bmp, 14, Infinity),
        GIF: () => decodeGif(largeGif(width, height), Infinity),
        PNM: () =>
          decodePnm(
            Buffer.concat([Buffer.from(`P5 ${width} ${height} 254\n`), Buffer.alloc(width * height)]),
            Infinity,
          ),
      }[kind] as () => ReturnType<typeof grayToRgb>;
      let turns = 0;
      let running = true;
      const turn = () => {
        turns++;
        if (running) setImmediate(turn);
      };
      setImmediate(turn);
      await inSlices(work());
      running = false;
      expect(turns).toBeGreaterThanOrEqual(3);
    },
    30_000,
  );

  /** One index in every code of nine bits, the table cleared in time. */
  function largeGif(width: number, height: number): Buffer {
    const screen = Buffer.from(`GIF89a....\0\0\0,\0\0\0\0....\0\b`, 'latin1');
    for (const at of [6, 18]) {
      screen.writeUInt16LE(width, at);
      screen.writeUInt16LE(height, at + 2);
    }
    // A clear and 7 indices are 9 whole bytes.
    const codes = [256, 1, 2, 3, 4, 5, 6, 7].reduce(
      (bits, code, at) => bits | (BigInt(code) << BigInt(9 * at)),
      0n,
    );
    const nine = Buffer.from(codes.toString(16).padStart(18, '0'), 'hex').reverse();
    const block = Buffer.concat([Buffer.of(252), ...Array<Buffer>(28).fill(nine)]);
    const blocks = Math.ceil((width * height) / (28 * 7));
    return Buffer.concat([screen, Buffer.concat(Array<Buffer>(blocks).fill(block)), Buffer.of(0, 0x3b)]);
  }
});

describe('docs/images.md', () => {
  const text = readFileSync(join(root, 'docs/images.md'), 'utf8');
  const rows = [...text.matchAll(/^\| (\w+) \| (\.[.\w ]+) \|.*\| ([^|]+) \|$/gm)].map(
    ([, format, endings, as]) => ({
      format: format as string,
      endings: (endings as string).split(' '),
      as: as as string,
    }),
  );

  it('lists the endings that are read, and those of torchvision', () => {
    expect(rows.flatMap(({ endings }) => endings).sort()).toEqual([...READABLE_EXTENSIONS].sort());
    expect(text).toContain(`\`${IMAGE_EXTENSIONS.join(' ')}\``);
  });

  it('says of each format what the comparison with Pillow shows', async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    for (const { format, endings, as } of rows) {
      const ending = format === 'PNM' ? '.pnm' : (endings[0] as string);
      const [name, entry] =
        readByPillow.find(([each]) => each === `mode-RGB${ending}` || each === `mode-P${ending}`) ?? [];
      expect(name, format).toBeDefined();
      const equal = isEqual(await read(bytesOf(name as string)), entry as Entry);
      expect(as.startsWith(equal ? 'equal' : 'not equal'), format).toBe(true);
    }
    vi.restoreAllMocks();
  });

  it.skipIf(noPillow)(
    'runs the whole comparison, with 1,000 damaged files (live)',
    () => {
      const report = runNode('scripts/check-images.mjs', '--fuzz', '1000');
      expect(report).toMatch(/^ +\d{4} equal +made$/m);
      expect(report).not.toContain('DIFFERENT'); // it would have ended with 1
    },
    120_000,
  );
});
