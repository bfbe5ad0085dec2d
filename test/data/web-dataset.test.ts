import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { Header, Pax } from 'tar';
import { describe, expect, it } from 'vitest';
import { DataLoader, datasets, decodeImage, manualSeed, type Tensor, transforms } from '../../lib/index.ts';
import { tmp } from '../helpers/index.ts';
import { fixture } from './helpers.ts';

const photo = readFileSync(fixture('images/modes/422.jpg'));
type Files = readonly (readonly [name: string, bytes: Buffer])[];

/** One file of a tar file: long names go into a pax header. */
function entry(path: string, bytes: Buffer): Buffer {
  const header = new Header({ path, size: bytes.length, type: 'File', mode: 0o644 });
  const block = Buffer.alloc(512);
  const needsPax = header.encode(block, 0);
  const padded = Buffer.alloc(Math.ceil(bytes.length / 512) * 512);
  bytes.copy(padded);
  return Buffer.concat([...(needsPax ? [new Pax({ path }).encode()] : []), block, padded]);
}

const tarOf = (files: Files) =>
  Buffer.concat([...files.map(([path, bytes]) => entry(path, bytes)), Buffer.alloc(1024)]);

const LONG = `${'deep/'.repeat(60)}b`;
const FILES: Files = [
  ['0001.jpg', photo],
  ['0001.cls', Buffer.from('3\n')],
  [`${LONG}.JPG`, photo],
  [`${LONG}.cls`, Buffer.from('1')],
  ['README', Buffer.from('no sample')],
];

function shards(): string {
  const folder = tmp();
  writeFileSync(join(folder, 'part-00.tar'), tarOf(FILES));
  writeFileSync(
    join(folder, 'part-01.tar'),
    tarOf([
      ['c/9.cls', Buffer.from('7')],
      ['c/9.jpg', photo],
    ]),
  );
  return join(folder, 'part-{00..01}.tar');
}

const transform = new transforms.Compose([new transforms.RandomResizedCrop(24), new transforms.ToTensor()]);

describe('a WebDataset', () => {
  it('has the samples of all shards, by number', async () => {
    const data = await datasets.WebDataset.open(shards());
    expect(data.samples.map(({ key }) => key)).toEqual(['0001', LONG, 'c/9']);
    const [image, label] = await data.get(2);
    expect(label).toBe(7);
    expect(image.equal(await decodeImage(photo))).toBe(true);
  });

  it('is shuffled and gone on with as any data set', async () => {
    const data = await datasets.WebDataset.open(shards(), { transform });
    const loaderOf = () =>
      new DataLoader<[Tensor, number], [Tensor, Tensor]>(data, {
        batchSize: 1,
        shuffle: true,
        numWorkers: 2,
      });
    manualSeed(3);
    const whole: Tensor[] = [];
    let saved: unknown;
    const loader = loaderOf();
    for await (const [images] of loader) {
      whole.push(images);
      if (whole.length === 1) saved = loader.stateDict();
    }
    const other = loaderOf();
    other.loadStateDict(saved as never);
    const rest: Tensor[] = [];
    for await (const [images] of other) rest.push(images);
    expect(rest.length).toBe(2);
    expect(rest.every((images, i) => images.equal(whole[i + 1] as Tensor))).toBe(true);
  });

  it('makes targets of other files', async () => {
    const path = join(tmp(), 'a.tar');
    writeFileSync(
      path,
      tarOf([
        ['x.jpg', photo],
        ['x.json', Buffer.from('{"age":4}')],
      ]),
    );
    const data = await datasets.WebDataset.open(path, {
      target: (read) => (JSON.parse(read('json').toString()) as { age: number }).age,
    });
    expect((await data.get(0))[1]).toBe(4);
    await expect((await datasets.WebDataset.open(path)).get(0)).rejects.toThrow(
      /Expected a file x\.cls in .*a\.tar, got jpg, json; pass \{ target \}/,
    );
  });

  it('refuses what is damaged, compressed, missing or without an image', async () => {
    const path = join(tmp(), 'b.tar');
    const refused = (bytes: Buffer) => {
      writeFileSync(path, bytes);
      return expect(datasets.WebDataset.open(path)).rejects;
    };
    await refused(gzipSync(tarOf(FILES))).toThrow(
      /it is no tar file, or a compressed one; pass an undamaged tar file/,
    );
    await refused(tarOf(FILES).subarray(0, 900)).toThrow(/b\.tar: it is cut off within 0001\.jpg/);
    await refused(tarOf([['x.cls', Buffer.from('1')]])).toThrow(
      /Expected an image .* for the sample x of .*, got cls/,
    );
    await refused(
      tarOf([
        ['x.jpg', photo],
        ['x.JPG', photo],
      ]),
    ).toThrow(/Expected one x\.JPG in .*, got two/);
    await expect(datasets.WebDataset.open(join(path, '..', 'none.tar'))).rejects.toThrow(
      /no such file; check the path/,
    );
    await expect(datasets.WebDataset.open('{9..2}.tar')).rejects.toThrow(/Expected a range that goes up/);
  });

  it('fails for a shard that was cut off since', async () => {
    const path = join(tmp(), 'c.tar');
    writeFileSync(path, tarOf(FILES));
    const data = await datasets.WebDataset.open(path, { transform });
    truncateSync(path, 2000);
    const loader = new DataLoader<[Tensor, number], [Tensor, Tensor]>(data, { batchSize: 1 });
    await expect(async () => {
      for await (const [images] of loader) images.dispose();
    }).rejects.toThrow(/c\.tar: 0001\.jpg: not a readable image/);
  });
});

describe('tarSamples', () => {
  const read = async (bytes: Buffer, size = 700) => {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const found: [string, string[]][] = [];
    for await (const { key, files } of datasets.tarSamples(Readable.from(chunks))) {
      if (files.has('jpg')) expect(files.get('jpg')?.equals(photo)).toBe(true);
      found.push([key, [...files.keys()]]);
    }
    return found;
  };

  it('streams samples, compressed ones too', async () => {
    const expected = [
      ['0001', ['jpg', 'cls']],
      [LONG, ['jpg', 'cls']],
    ];
    expect(await read(tarOf(FILES))).toEqual(expected);
    expect(await read(gzipSync(tarOf(FILES)))).toEqual(expected);
    expect(await read(tarOf(FILES), 1 << 20)).toEqual(expected);
  });

  it('fails where the stream ends early', async () => {
    await expect(read(tarOf(FILES).subarray(0, 900))).rejects.toThrow(
      /shard: .*; pass an undamaged tar file/,
    );
  });
});
