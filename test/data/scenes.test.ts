import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { writeSceneFolders } from '../../lib/cli/segment/scenes.ts';
import { resample } from '../../lib/data/datasets/scenes/bitmap.ts';
import { datasets, decodeImage, decodeLabels } from '../../lib/data/index.ts';
import * as segment from '../../lib/segment/index.ts';
import type { Tensor } from '../../lib/tensor/index.ts';
import { root, tmp } from '../helpers/index.ts';
import { box, writeIconPackages } from './emoji-packages.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-scenes-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const { SCENE_CLASSES, Scenes, writeScenes } = datasets;

const COLOURS: Record<string, [number, number, number]> = {
  building: [255, 0, 0],
  vehicle: [0, 0, 255],
  plant: [0, 255, 0],
  animal: [255, 255, 0],
  person: [255, 0, 255],
};
const whole = (name: string) => {
  const [red, green, blue] = COLOURS[name] as [number, number, number];
  return box(`rgb(${red},${green},${blue})`, 1, 1, 6, 6);
};
const icons = {
  hospital: whole('building'),
  automobile: whole('vehicle'),
  tulip: whole('plant'),
  dog: whole('animal'),
  person: whole('person'),
  'red-apple': box('#fff', 0, 0, 8, 8),
};
const packages = writeIconPackages(scratch, { openmoji: { icons }, twemoji: { icons } });
const SMALL = { size: [32, 48] as [number, number], packages, cache: null };

/** Photographs of a folder of the test's own. */
function photographs(names: readonly string[]): string {
  const folder = mkdtempSync(join(scratch, 'photographs-'));
  for (const name of names) cpSync(join(root, 'test/fixtures/images', name), join(folder, name));
  return folder;
}
const FIRST = photographs(['china.jpg', 'chelsea.png', 'flower.jpg']);
const SECOND = photographs(['coffee-420.jpg', 'rocket.jpg']);

const digest = (tensor: Tensor) =>
  createHash('sha256')
    .update(tensor.contiguous().data() as Uint8Array)
    .digest('hex')
    .slice(0, 16);

const thrown = async (attempt: () => unknown) => {
  try {
    await attempt();
    return 'nothing was thrown';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};

describe('Scenes', () => {
  it('label each pixel with the class of what is drawn there, the ground with 0', async () => {
    const options = { ...SMALL, style: 'openmoji', photographs: [], plain: 1, length: 12 };
    const scenes = await Scenes.load(options);
    const seen = new Set<number>();
    for (let index = 0; index < scenes.length; index++) {
      const [image, mask] = scenes.get(index);
      expect([image.dtype, image.shape, mask.dtype, mask.shape]).toEqual([
        ...['uint8', [3, 32, 48]],
        ...['int64', [32, 48]],
      ]);
      const labels = mask.flatten().toArray<number[]>();
      const [red, green, blue] = image.flatten(1).toArray<number[][]>() as [number[], number[], number[]];
      labels.forEach((label, at) => {
        seen.add(label);
        const pixel = [red[at], green[at], blue[at]] as number[];
        const lit = Math.max(...pixel) / 255;
        // Shadows make a colour darker and never another; the two colours of a ground are none of the drawings'.
        const want = label === 0 ? undefined : COLOURS[SCENE_CLASSES[label] as string];
        const isDrawn = Object.values(COLOURS).some((colour) =>
          colour.every((value, i) => Math.abs(value * lit - (pixel[i] as number)) <= 1),
        );
        expect(isDrawn).toBe(want !== undefined);
        for (const [i, value] of (want ?? []).entries())
          expect(Math.abs(value * lit - (pixel[i] as number))).toBeLessThanOrEqual(1);
      });
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('are the same bytes for the same seed, however many there are, and others for another', async () => {
    const options = { ...SMALL, style: 'twemoji', photographs: FIRST };
    const some = await Scenes.load({ ...options, length: 3 });
    const more = await Scenes.load({ ...options, length: 9 });
    const other = await Scenes.load({ ...options, length: 3, seed: 1 });
    for (let index = 0; index < 3; index++) {
      const [images, masks] = [some, more, other]
        .map((scenes) => scenes.get(index))
        .reduce(
          ([all, of], [image, mask]) => [
            [...all, digest(image)],
            [...of, digest(mask)],
          ],
          [[], []] as [string[], string[]],
        );
      expect(images[1]).toBe(images[0]);
      expect(masks[1]).toBe(masks[0]);
      expect(images[2]).not.toBe(images[0]);
    }
  });

  it('are the same on every machine', async () => {
    const scenes = await Scenes.load({ ...SMALL, style: 'openmoji', photographs: [], plain: 1, seed: 7 });
    expect([0, 399].flatMap((index) => scenes.get(index).map(digest))).toMatchInlineSnapshot(`
      [
        "957af38755aa2a80",
        "656d508177569147",
        "ff96c30f9ff1d693",
        "fb35ad031be50c99",
      ]
    `);
  });

  it('say what is missing', async () => {
    const options = { ...SMALL, style: 'openmoji', photographs: FIRST };
    expect(await thrown(() => Scenes.load({ ...options, photographs: tmp() }))).toMatch(
      /^DatasetError: Expected photographs for Scenes, got none; name some, or pass \{ plain: 1 \}$/,
    );
    expect(await thrown(() => Scenes.load({ ...options, size: [800, 900] }))).toMatch(
      /^DatasetError: Expected photographs of 900x800 pixels at least, got \d+x\d+ in .*; leave it out$/,
    );
    const few = writeIconPackages(tmp(), { openmoji: { icons: { dog: icons.dog } } });
    expect(await thrown(() => Scenes.load({ ...options, packages: few }))).toMatchInlineSnapshot(
      `"DatasetError: Expected drawings of every class of scenes, got no building of openmoji; take another style"`,
    );
    expect(await thrown(() => Scenes.load({ ...options, style: 'openmojo' }))).toMatch(
      /^RangeError: Expected one of "noto", .* for Scenes style, got "openmojo"; did you mean openmoji\?$/,
    );
  });
});

describe('writeScenes', () => {
  const options = {
    ...SMALL,
    a: { style: 'openmoji', photographs: FIRST },
    b: { style: 'twemoji', photographs: SECOND },
    ...{ train: 3, val: 2 },
  };

  it('writes folders that segment.loadData reads, and goes on where it was ended', async () => {
    const folder = join(tmp(), 'scenes');
    expect(await writeScenes(folder, options)).toEqual({ written: 10, all: 10 });
    const data = segment.loadData('folder', join(folder, 'b'), { split: 'val' });
    expect(data.classes).toEqual(SCENE_CLASSES);
    expect(data.pairs).toHaveLength(2);
    const [image, mask] = await new segment.SegmentDataset(data).get(0);
    expect([image.shape, mask.shape]).toEqual([
      [3, 32, 48],
      [32, 48],
    ]);
    const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile());
    expect(paths).toHaveLength(2 * (2 * 5 + 3));
    const before = paths.map((path) => readFileSync(path));
    rmSync(join(folder, 'a/masks/train/000001.png'));
    expect(await writeScenes(folder, options)).toEqual({ written: 1, all: 10 });
    paths.forEach((path, i) => {
      expect(readFileSync(path).equals(before[i] as Buffer), path).toBe(true);
    });
    expect(await thrown(() => writeScenes(folder, { ...options, seed: 3 }))).toMatch(
      /^DatasetError: Expected a new folder, or one of the same scenes, for writeScenes, got .*scenes-train.json of others/,
    );
  });

  it('does not go on with drawings of another renderer', async () => {
    const folder = tmp();
    await writeScenes(folder, { ...options, train: 1, val: 1 });
    const path = join(folder, 'b/scenes-val.json');
    const about = JSON.parse(readFileSync(path, 'utf8')) as { drawnBy: Record<string, string> };
    const { sharp: own, rsvg, vips } = sharp.versions as Record<string, string>;
    expect(about.drawnBy).toEqual({ sharp: own, rsvg, vips });
    const other = { ...about, drawnBy: { ...about.drawnBy, rsvg: '1.0' } };
    writeFileSync(path, `${JSON.stringify(other, null, 1)}\n`);
    expect(await thrown(() => writeScenes(folder, { ...options, train: 1, val: 1 }))).toMatch(
      /one of the same scenes, for writeScenes, got .*scenes-val.json of others/,
    );
  });

  it('has no photograph on two sides', async () => {
    const folder = tmp();
    await writeScenes(folder, options);
    const used = ['a', 'b'].flatMap((domain) =>
      ['train', 'val'].map((split) => {
        const text = readFileSync(join(folder, domain, `scenes-${split}.json`), 'utf8');
        return (JSON.parse(text) as { photographs: { name: string }[] }).photographs.map(({ name }) => name);
      }),
    );
    expect(used).toEqual([['chelsea.png', 'flower.jpg'], ['china.jpg'], ['coffee-420.jpg'], ['rocket.jpg']]);
    const both = photographs(['coffee-420.jpg', 'china.jpg']);
    const shared = { ...options, b: { style: 'twemoji', photographs: both } };
    expect(await thrown(() => writeScenes(tmp(), shared))).toMatch(
      /^DatasetError: Expected no photograph in both domains for writeScenes, got .*china.jpg and .*china.jpg, which are equal/,
    );
    const one = { ...options, b: { style: 'twemoji', photographs: [join(SECOND, 'rocket.jpg')] } };
    expect(await thrown(() => writeScenes(tmp(), one))).toMatch(
      /^DatasetError: Expected at least 2 photographs for writeScenes b, one to test on, got 1$/,
    );
  });

  it('refuses two domains by one hand', async () => {
    const same = { ...options, b: { style: 'openmoji', photographs: SECOND } };
    expect(await thrown(() => writeScenes(tmp(), same))).toMatch(
      /^RangeError: Expected test styles by other hands than the training styles, got "openmoji" and "openmoji"/,
    );
  });

  it('is a command', async () => {
    const folder = join(tmp(), 'scenes');
    mkdirSync(folder);
    const told = { out: '' };
    const streams = {
      stdout: { write: (text: string) => (told.out += text) },
      stderr: { write: () => true, isTTY: false } as never,
    };
    const given = {
      ...{ handA: 'openmoji', handB: 'twemoji', photographsA: FIRST, photographsB: SECOND, packages },
      ...{ train: 2, val: 1, size: [32, 48], plain: 0.5, seed: 0, cache: tmp() },
    };
    await writeSceneFolders(folder, given, streams);
    expect(told.out).toContain('6 scenes in');
    const image = await decodeImage(join(folder, 'a/images/train/000000.png'));
    const mask = await decodeLabels(join(folder, 'a/masks/train/000000.png'));
    expect([image.shape, mask.shape]).toEqual([
      [3, 32, 48],
      [32, 48],
    ]);
    expect(await thrown(() => writeSceneFolders(folder, { ...given, size: [32] }, streams))).toBe(
      'RangeError: Expected height and width for --size, got 32',
    );
  });
});

// Image.fromarray(a, mode='F').resize((w, h), Image.BILINEAR, box=...) of Pillow 12 with a = (np.arange(35) * 37 + 11) % 251.
describe('resample', () => {
  const data = Float32Array.from({ length: 35 }, (_, i) => (i * 37 + 11) % 251);
  const source = { data, width: 7, height: 5, channels: 1 };
  it.each([
    {
      size: [3, 2],
      box: [0, 0, 7, 5],
      want: [
        [50.7143, 130, 205.211],
        [66.7143, 146, 160.0909],
      ],
    },
    {
      size: [5, 4],
      box: [0.5, 1.25, 5.5, 2.75],
      want: [
        [39.7917, 79.875, 119.9583, 160.0417, 201.79],
        [45.2917, 85.375, 125.4583, 165.5417, 207.29],
        [50.7917, 90.875, 130.9583, 171.0417, 208.0837],
        [56.2917, 96.375, 136.4583, 176.5417, 208.25],
      ],
    },
  ] as const)(
    'gives the numbers of Pillow, for $size from $box',
    ({ size, box: [left, top, width, height], want }) => {
      const { data: got } = resample(source, { left, top, width, height }, size[0], size[1]);
      want.flat().forEach((value, i) => {
        expect(got[i]).toBeCloseTo(value, 3);
      });
      expect(got).toHaveLength(want.flat().length);
    },
  );
});
