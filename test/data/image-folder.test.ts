import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { DatasetError, datasets } from '../../lib/data/index.ts';
import { fixture, fixtureJson } from './helpers.ts';
import { noPillow, python } from './python-pillow.ts';

interface Case {
  tree: string[];
  allowEmpty?: boolean;
  valid?: string;
  extensions?: string[];
  error?: string;
  classes?: string[];
  samples?: [string, number][];
}

const scratch = mkdtempSync(join(tmpdir(), 'ibn-folder-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const recorded = fixtureJson<{ cases: Record<string, Case> }>('folders.json').cases;
const { ImageFolder, findImages, fsEncode } = datasets;

/** Makes the tree of a case; see scripts/fixtures/folders.py. */
function build(name: string, tree: string[]): string {
  const root = mkdtempSync(join(scratch, `${name}-`));
  for (const item of tree) {
    const [path, target] = item.split(' -> ') as [string, string | undefined];
    const full = fsEncode(`${root}/${path}`);
    mkdirSync(path.endsWith('/') ? full : fsEncode(dirname(`${root}/${path}`)), { recursive: true });
    if (target !== undefined) symlinkSync(target, full);
    else if (!path.endsWith('/')) writeFileSync(full, '');
  }
  return root;
}

function optionsOf({ allowEmpty, valid, extensions }: Case): datasets.ImageFolderOptions {
  return {
    ...(allowEmpty === undefined ? {} : { allowEmpty }),
    ...(extensions === undefined ? {} : { extensions }),
    ...(valid === undefined
      ? {}
      : { isValidFile: (path: string) => path.slice(path.lastIndexOf('/')).includes(valid) }),
  };
}

function message(attempt: () => unknown): string {
  try {
    return String(attempt());
  } catch (error) {
    return `${error}`.replaceAll(scratch, '<scratch>');
  }
}

describe("ImageFolder lists what torchvision's lists", () => {
  const listed = Object.entries(recorded).filter(([, { error }]) => error === undefined);
  const refused = Object.entries(recorded).filter(([, { error }]) => error !== undefined);

  it.each(listed)('%s', (name, expected) => {
    const root = build(name.replaceAll(/\W/g, '-'), expected.tree);
    const set = new ImageFolder(root, optionsOf(expected));
    expect(set.classes).toEqual(expected.classes);
    expect(set.samples.map(([path, label]) => [path.slice(root.length + 1), label])).toEqual(
      expected.samples,
    );
    expect(set.targets).toEqual(expected.samples?.map(([, label]) => label));
  });

  it.each(refused)('%s, which both refuse', (name, expected) => {
    const root = build(name.replaceAll(/\W/g, '-'), expected.tree);
    expect(() => new ImageFolder(root, optionsOf(expected))).toThrow(DatasetError);
  });

  it.skipIf(noPillow)('and torchvision still lists what was recorded (live)', () => {
    const now = JSON.parse(python('scripts/fixtures/folders.py', '--print'));
    expect(now.cases).toEqual(recorded);
  });
});

describe('ImageFolder beyond listing', () => {
  const photo = fixture('images/modes/422.jpg');

  it('reads images whose names are not UTF-8', async () => {
    const root = build('bytes', ['cl\udce4ss/']);
    writeFileSync(fsEncode(`${root}/cl\udce4ss/\udcff.jpg`), await readFile(photo));
    const [image, label] = await new ImageFolder(root).get(0);
    expect([image.shape, label]).toEqual([[3, 64, 96], 0]);
    expect(findImages(root)).toEqual([`${root}/cl\udce4ss/\udcff.jpg`]);
  });

  it('names a link that leads nowhere when its image is read', async () => {
    const root = build('dangling', ['a/x.jpg -> ../gone/y.jpg', 'a/self.png -> self.png']);
    const set = new ImageFolder(root);
    const errors = await Promise.all(
      [0, 1].map((index) => set.get(index).catch((error) => `${error}`.replaceAll(root, '<root>'))),
    );
    expect(errors).toMatchInlineSnapshot(`
      [
        "ImageError: <root>/a/self.png: a link that leads nowhere (self.png); restore what it names or remove it",
        "ImageError: <root>/a/x.jpg: a link that leads nowhere (../gone/y.jpg); restore what it names or remove it",
      ]
    `);
  });

  it('warns of links that lead nowhere and are left out', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const root = build('left-out', ['a/x.jpg', 'a/gone -> /nowhere/1', 'a/lost -> /nowhere/2', 'b -> gone']);
    expect(new ImageFolder(root).classes).toEqual(['a']);
    expect(warn.mock.calls.map(([text]) => `${text}`.replaceAll(root, '<root>'))).toMatchInlineSnapshot(`
      [
        "<root>/b: a link that leads nowhere (gone), left out of <root>",
        "<root>/a/gone (and 1 more): a link that leads nowhere (/nowhere/1), left out of <root>/a",
      ]
    `);
    warn.mockRestore();
  });

  it('refuses links that lead back to a folder around them, of one step and of two', () => {
    const messages = [
      ['a/x.jpg', 'a/loop -> .'],
      ['a/x.jpg', 'a/deep/up -> ../../a'],
      ['a/x.jpg', 'a/to-b -> ../b', 'b/to-a -> ../a'],
    ].map((tree, index) =>
      message(() => new ImageFolder(build(`loop-${index}`, tree))).replace(/-\w{6}\//, '/'),
    );
    expect(messages).toMatchInlineSnapshot(`
      [
        "DatasetError: Expected folders without loops, got <scratch>/loop-0/a/loop, a link to a folder that it lies in (.); remove the link",
        "DatasetError: Expected folders without loops, got <scratch>/loop-1/a/deep/up, a link to a folder that it lies in (../../a); remove the link",
        "DatasetError: Expected folders without loops, got <scratch>/loop-2/a/to-b/to-a, a link to a folder that it lies in (../a); remove the link",
      ]
    `);
  });

  it('applies transforms of targets, keeps the loader that it is given, takes a URL', async () => {
    const root = build('options', ['a/x.jpg', 'b/y.jpg']);
    const asked: string[] = [];
    const image = (await import('../../lib/tensor/index.ts')).tensor([1]);
    const set = new ImageFolder(pathToFileURL(root), {
      targetTransform: (label) => 10 - label,
      loader: async (path) => {
        asked.push(path);
        return image;
      },
    });
    expect(await set.get(1)).toEqual([image, 9]);
    expect(asked).toEqual([`${root}/b/y.jpg`]);
  });

  it('says what is wrong with options, roots and classes', () => {
    const root = build('wrong', ['a/x.jpg', 'b/', 'c/', 'd/', 'e/', 'gone -> nowhere']);
    const options = (given: object) => () => new ImageFolder(root, given as datasets.ImageFolderOptions);
    const clean = (text: string) => text.replaceAll(/(wrong)-\w{6}/g, '$1');
    expect(
      [
        options({ transforms: 1 }),
        options({ allow_empty: true }),
        options({ extensions: ['.jpg'], isValidFile: () => true }),
        options({}),
        options({ isValidFile: () => false }),
        () => new ImageFolder(`${root}/a/x.jpg`),
        () => new ImageFolder(`${root}/gone`),
        () => new ImageFolder(`${root}/none`),
      ].map((attempt) => clean(message(attempt))),
    ).toMatchInlineSnapshot(`
      [
        "RangeError: Expected a known option for ImageFolder, got "transforms"; did you mean transform?",
        "RangeError: Expected a known option for ImageFolder, got "allow_empty"; did you mean allowEmpty?",
        "RangeError: Expected extensions or isValidFile for ImageFolder, got both; leave one out",
        "DatasetError: Expected images (.jpg, .jpeg, .png, .ppm, .bmp, .pgm, .tif, .tiff, .webp) for every class in <scratch>/wrong, got none for b, c, d (+1); remove the empty folders or pass { allowEmpty: true }",
        "DatasetError: Expected files that isValidFile takes for every class in <scratch>/wrong, got none for a, b, c (+2); remove the empty folders or pass { allowEmpty: true }",
        "DatasetError: Expected a folder for each class in <scratch>/wrong/a/x.jpg, got a file; check the path",
        "DatasetError: Expected a folder for each class in <scratch>/wrong/gone, got a link that leads nowhere; check the path",
        "DatasetError: Expected a folder for each class in <scratch>/wrong/none, got no such folder; check the path",
      ]
    `);
  });
});
