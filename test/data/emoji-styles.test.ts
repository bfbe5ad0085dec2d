import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataLoader, datasets, equal, Subset } from '../../lib/index.ts';
import { tmp } from '../helpers/index.ts';
import { box, writeIconPackages } from './emoji-packages.ts';

const { EMOJI_STYLES, EmojiStyles, splitEmoji } = datasets;
const scratch = mkdtempSync(join(tmpdir(), 'ibn-emoji-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const REAL = { styles: ['emojione', 'fxemoji'], size: 16 };

const thrown = async (attempt: () => unknown) => {
  try {
    await attempt();
    return 'nothing was thrown';
  } catch (error) {
    return `${(error as Error).constructor.name}: ${(error as Error).message}`;
  }
};

describe('EmojiStyles, of two real sets', () => {
  let emoji: datasets.EmojiStyles;
  const cache = join(scratch, 'cache');
  beforeAll(async () => {
    emoji = await EmojiStyles.load({ ...REAL, cache });
  });

  /** The mean colour of what is seen of a picture, and the share of it that is seen. */
  const colourOf = (style: string, name: string) => {
    const [index] = emoji.indices({
      styles: [style],
      emoji: emoji.emoji.filter((each) => each.name === name),
    });
    const picture = emoji
      .pictures([index as number])
      .squeeze(0)
      .to('float32');
    const alpha = picture.select(0, 3).div(255);
    const colour = picture.narrow(0, 0, 3).mul(alpha).sum([1, 2]).div(alpha.sum());
    return { colour: colour.toArray<number[]>(), seen: alpha.mean().item() as number };
  };

  it('finds the emoji of sets with a table of characters and without, and counts them', () => {
    expect(emoji.report).toEqual([
      { style: 'emojione', version: '1.2.3', drawn: 1065, duplicates: 2, taken: 1063 },
      { style: 'fxemoji', version: '1.2.2', drawn: 467, duplicates: 0, taken: 467 },
    ]);
    expect(emoji).toHaveLength(1063 + 467);
    expect(emoji.classes).toEqual([
      'smileys-emotion',
      'people-body',
      'animals-nature',
      'food-drink',
      'travel-places',
      'activities',
      'objects',
      'symbols',
      'flags',
    ]);
  });

  it.each(['emojione', 'fxemoji'])('draws in %s what the name says', (style) => {
    const [red = 0, green = 0, blue = 0] = colourOf(style, 'red apple').colour;
    expect(red - Math.max(green, blue)).toBeGreaterThan(80);
    const leaf = colourOf(style, 'four leaf clover').colour;
    expect((leaf[1] as number) - Math.max(leaf[0] as number, leaf[2] as number)).toBeGreaterThan(20);
    const { seen } = colourOf(style, 'crescent moon');
    expect(seen).toBeGreaterThan(0.1);
    expect(seen).toBeLessThan(0.6);
  });

  it('leaves out tones of skin', () => {
    expect(emoji.emoji.filter(({ codes }) => /1f3f[b-f]/.test(codes))).toEqual([]);
    expect(new Set(emoji.emoji.map(({ codes }) => codes)).size).toBe(emoji.emoji.length);
  });

  it('gives the same bytes from the cache, and draws nothing then', async () => {
    const times = readdirSync(cache).map((name) => statSync(join(cache, name)).mtimeMs);
    expect(times).toHaveLength(2);
    const again = await EmojiStyles.load({ ...REAL, cache });
    const drawn = await EmojiStyles.load({ ...REAL, cache: null });
    expect(readdirSync(cache).map((name) => statSync(join(cache, name)).mtimeMs)).toEqual(times);
    const all = emoji.indices();
    expect(equal(again.pictures(all), emoji.pictures(all))).toBe(true);
    expect(equal(drawn.pictures(all), emoji.pictures(all))).toBe(true);
    expect(again.samples).toEqual(emoji.samples);
  });

  it('draws anew what is damaged in the cache, and says so', async () => {
    const [name] = readdirSync(cache).sort();
    const path = join(cache, name as string);
    const whole = readFileSync(path);
    const warnings: string[] = [];
    const listen = (warning: Error) => warnings.push(warning.message);
    process.on('warning', listen);
    for (const bytes of [whole.subarray(0, 1000), Buffer.from(whole).fill(7, 5000, 5100), Buffer.alloc(0)]) {
      writeFileSync(path, bytes);
      expect((await EmojiStyles.load({ ...REAL, cache })).samples).toEqual(emoji.samples);
      expect(readFileSync(path).equals(whole)).toBe(true);
    }
    await new Promise(setImmediate);
    process.off('warning', listen);
    expect(warnings).toEqual(Array.from({ length: 3 }, () => `${path} is damaged; it is drawn again`));
  });

  it('warns where the cache cannot be written, and goes on', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    const warned = new Promise<string>((done) => process.once('warning', ({ message }) => done(message)));
    const drawn = await EmojiStyles.load({ styles: ['fxemoji'], size: 8, cache: join(file, 'cache') });
    expect(drawn).toHaveLength(467);
    expect(await warned).toMatch(
      /fxemoji-8px-\w+\.gz could not be written \(.*\); its drawings are made again/,
    );
  });

  it('takes the emoji that styles have in common, and classes that are large enough', async () => {
    const load = (options: datasets.EmojiStylesOptions) => EmojiStyles.load({ ...REAL, cache, ...options });
    const common = await load({ inAll: ['emojione', 'fxemoji'] });
    expect(common).toHaveLength(2 * common.emoji.length);
    const large = await load({ classes: 'subgroup', minPerClass: 20, styles: ['emojione'] });
    const counts = large.classes.map((_, label) => large.targets.filter((other) => other === label).length);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(19); // a duplicate may be among the twenty
    const each = await load({ classes: 'emoji', styles: ['fxemoji'] });
    expect(each.targets).toEqual(Array.from({ length: 467 }, (_, label) => label));
  });

  it('feeds a loader with pictures on a colour', async () => {
    const [image, label] = emoji.get(3);
    expect([image.shape, image.dtype, label]).toEqual([[3, 16, 16], 'uint8', 0]);
    expect(image.select(1, 0).select(1, 0).toArray()).toEqual([255, 255, 255]);
    const green = emoji.images([3], [0, 200, 0]);
    expect(green.select(2, 0).select(2, 0).toArray()).toEqual([[0, 200, 0]]);
    const { train } = emoji.splitByStyle({ train: ['fxemoji'], test: ['emojione'] });
    for await (const [images, labels] of new DataLoader(new Subset(emoji, train.slice(0, 8)), {
      batchSize: 4,
    })) {
      expect([images.shape, labels.shape]).toEqual([[4, 3, 16, 16], [4]]);
    }
  });

  it('refuses indices and styles that it has not', async () => {
    expect(await thrown(() => emoji.get(99999))).toMatchInlineSnapshot(
      `"RangeError: Expected 0 to 1529 for EmojiStyles index, got 99999"`,
    );
    expect(await thrown(() => emoji.images([0], [0, 0, 256]))).toMatchInlineSnapshot(
      `"RangeError: Expected [red, green, blue] of 0 to 255 for EmojiStyles.images background, got [0, 0, 256]"`,
    );
    expect(await thrown(() => emoji.indices({ styles: ['noto'] }))).toMatchInlineSnapshot(
      `"RangeError: Expected styles that were loaded for EmojiStyles.indices styles, got "noto"; they are emojione, fxemoji"`,
    );
    expect(await thrown(() => emoji.indices({ style: ['noto'] } as object))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for EmojiStyles.indices, got "style"; did you mean styles?"`,
    );
  });
});

describe('EmojiStyles, of sets made for the test', () => {
  // U+1F34E red apple, U+1F34F green apple, U+2197 up-right arrow, U+2196 up-left arrow, U+1F7E5 red square
  const red = box('#f00', 0, 0, 4, 8);
  const folder = writeIconPackages(join(scratch, 'sets'), {
    noto: {
      icons: { apple: red, 'green-apple': box('#0f0', 0, 0, 8, 8), 'up-left-arrow': box('#00f', 0, 0, 2, 2) },
      aliases: { 'up-right-arrow': { parent: 'up-left-arrow', hFlip: true } },
      chars: { '1f34e': 'apple', '2197-fe0f': 'up-right-arrow' },
    },
    'noto-v1': { icons: { 'red-apple': red } },
    twemoji: { icons: { 'red-apple': red, 'green-apple': red, redsquare: box('#f00', 1, 1, 6, 6) } },
    'fluent-emoji': { icons: { a: box('#800', 0, 0, 8, 8), b: box('#080', 0, 0, 8, 8) } },
    'fluent-emoji-flat': {
      icons: { a: box('#f00', 0, 0, 8, 8), b: box('#080', 0, 0, 8, 8) },
      chars: { '1f34e': 'a', '1f34f': 'b' },
    },
  });
  const load = (options: datasets.EmojiStylesOptions) =>
    EmojiStyles.load({ size: 8, packages: folder, cache: null, ...options });
  const namesOf = (emoji: datasets.EmojiStyles) => emoji.emoji.map(({ name }) => name);

  it('finds an icon by its characters, by its name and by its name without hyphens', async () => {
    expect(namesOf(await load({ styles: ['noto'] }))).toEqual([
      'red apple',
      'green apple',
      'up-right arrow',
      'up-left arrow',
    ]);
    expect(namesOf(await load({ styles: ['twemoji'] }))).toEqual(['red apple', 'red square']);
    expect(namesOf(await load({ styles: ['fluent-emoji'] }))).toEqual(['red apple', 'green apple']);
  });

  it('draws shapes where they are, mirrored where an alias says so, with exact alpha', async () => {
    const emoji = await load({ styles: ['noto'] });
    const [apple, , right, left] = emoji.pictures([0, 1, 2, 3]).unbind(0);
    const row = [255, 255, 255, 255, 0, 0, 0, 0];
    expect(apple?.select(0, 3).toArray()).toEqual(Array.from({ length: 8 }, () => row));
    expect(apple?.select(0, 0).toArray()).toEqual(Array.from({ length: 8 }, () => row));
    expect(left?.select(0, 2).select(0, 0).toArray()).toEqual([255, 255, 0, 0, 0, 0, 0, 0]);
    expect(right?.select(0, 2).select(0, 0).toArray()).toEqual([0, 0, 0, 0, 0, 0, 255, 255]);
  });

  it('takes the first of equal pictures of one style', async () => {
    const emoji = await load({ styles: ['twemoji'] });
    expect(emoji.report).toEqual([{ style: 'twemoji', version: '9.9.9', drawn: 3, duplicates: 1, taken: 2 }]);
  });

  it('never has one hand on both sides, and no test picture that is a training picture', async () => {
    const styles = ['noto', 'noto-v1', 'twemoji', 'fluent-emoji', 'fluent-emoji-flat'];
    const emoji = await load({ styles });
    const split = emoji.splitByStyle({ train: ['noto'], test: ['twemoji', 'fluent-emoji'] });
    expect(split.identical).toBe(1); // the apple, which twemoji draws as noto does
    expect(split.test.map((index) => emoji.samples[index]?.emoji.name)).toEqual([
      'red square',
      'red apple',
      'green apple',
    ]);
    expect(
      await thrown(() => emoji.splitByStyle({ train: ['noto'], test: ['noto-v1'] })),
    ).toMatchInlineSnapshot(
      `"RangeError: Expected test styles by other hands than the training styles, got "noto" and "noto-v1" (both noto); leave one out"`,
    );
    expect(
      await thrown(() => emoji.splitByStyle({ train: ['noto'], test: ['noto-v1'], sharedGeometry: true })),
    ).toMatchInlineSnapshot(
      `"RangeError: Expected test styles by other hands than the training styles, got "noto" and "noto-v1" (both noto); leave one out"`,
    );
    const pair = { train: ['fluent-emoji'], test: ['fluent-emoji-flat'] };
    expect(await thrown(() => emoji.splitByStyle(pair))).toMatchInlineSnapshot(
      `"RangeError: Expected test styles by other hands than the training styles, got "fluent-emoji" and "fluent-emoji-flat" (both fluent); pass { sharedGeometry: true } for a study of shading alone"`,
    );
    expect(emoji.splitByStyle({ ...pair, sharedGeometry: true })).toMatchObject({ identical: 1 });
    expect(
      await thrown(() => emoji.splitByStyle({ train: ['noto'], test: ['noto'], sharedGeometry: true })),
    ).toMatchInlineSnapshot(
      `"RangeError: Expected test styles by other hands than the training styles, got "noto" and "noto" (both noto); leave one out"`,
    );
    expect(await thrown(() => emoji.splitByStyle({ train: [], test: ['noto'] }))).toMatchInlineSnapshot(
      `"RangeError: Expected names of styles for splitByStyle train, got none"`,
    );
  });

  it('says what to install where packages are missing', async () => {
    expect(await thrown(() => load({ styles: ['openmoji', 'emojione-v1', 'noto'] }))).toMatchInlineSnapshot(
      `"DatasetError: Expected the packages that EmojiStyles draws from, got none of @iconify-json/openmoji, @iconify-json/emojione-v1; install them: npm install @iconify-json/openmoji @iconify-json/emojione-v1"`,
    );
  });

  it('names a drawing that cannot be drawn, and a file that cannot be read', async () => {
    const broken = writeIconPackages(tmp(), { openmoji: { icons: { 'red-apple': '<path fill="#f00' } } });
    expect(await thrown(() => load({ styles: ['openmoji'], packages: broken }))).toMatch(
      /^DatasetError: openmoji: red apple could not be drawn: /,
    );
    writeFileSync(join(broken, 'node_modules/@iconify-json/openmoji/icons.json'), '{"icons": {');
    expect(await thrown(() => load({ styles: ['openmoji'], packages: broken }))).toMatch(
      /^DatasetError: Expected JSON in .*icons\.json, got a file that cannot be read; install @iconify-json\/openmoji again$/,
    );
  });

  it.each<[string, object, string]>([
    [
      'a style',
      { styles: ['notto'] },
      'RangeError: Expected a style of emoji, got "notto"; did you mean noto?',
    ],
    [
      'a style twice',
      { styles: ['noto', 'noto'] },
      'RangeError: Expected each style once for EmojiStyles styles, got "noto" twice',
    ],
    ['no style', { styles: [] }, 'RangeError: Expected names of styles for EmojiStyles styles, got none'],
    [
      'a size',
      { size: 7.5 },
      'RangeError: Expected a whole number from 8 to 256 for EmojiStyles size, got 7.5',
    ],
    [
      'classes',
      { classes: 'groups' },
      'RangeError: Expected "group", "subgroup" or "emoji" for EmojiStyles classes, got "groups"',
    ],
    [
      'a background',
      { background: [0, 0] },
      'RangeError: Expected [red, green, blue] of 0 to 255 for EmojiStyles background, got [0, 0]',
    ],
    [
      'an option',
      { style: ['noto'] },
      'RangeError: Expected a known option for EmojiStyles, got "style"; did you mean styles?',
    ],
    ['a cache', { cache: 3 }, 'TypeError: Expected a path or null for EmojiStyles cache, got 3'],
    [
      'emoji that no style has',
      { styles: ['twemoji'], inAll: ['fluent-emoji', 'noto'], minPerClass: 4 },
      'DatasetError: Expected emoji of twemoji that fluent-emoji, noto all have in classes of at least 4, got none; lower minPerClass or shorten inAll',
    ],
  ])('refuses %s', async (_, options, message) => {
    expect(await thrown(() => load(options))).toBe(message);
  });
});

describe('splitEmoji', () => {
  const info = (name: string, kin: string): datasets.Emoji => {
    return { emoji: name, codes: name, name, group: 'g', subgroup: 's', kin };
  };
  const many = Array.from({ length: 2000 }, (_, i) => info(`n${i}`, `k${i >> 1}`));

  it('keeps kin together, meets shares in the mean, and depends on the seed alone', () => {
    const [train = [], val = [], test = []] = splitEmoji(many, [0.7, 0.1, 0.2]);
    expect(train.length + val.length + test.length).toBe(2000);
    expect(train.length / 2000).toBeCloseTo(0.7, 1);
    expect(test.length / 2000).toBeCloseTo(0.2, 1);
    const kinOf = (part: readonly datasets.Emoji[]) => new Set(part.map(({ kin }) => kin));
    expect([...kinOf(train)].filter((kin) => kinOf(test).has(kin) || kinOf(val).has(kin))).toEqual([]);
    const [half = []] = splitEmoji(many.slice(0, 1000), [0.7, 0.1, 0.2]);
    expect(half).toEqual(train.filter((each) => many.indexOf(each) < 1000));
    expect(splitEmoji(many, [0.7, 0.1, 0.2], { seed: 1 })[0]).not.toEqual(train);
  });

  it('refuses shares that do not add up', async () => {
    expect(await thrown(() => splitEmoji(many, [0.5, 0.4]))).toMatchInlineSnapshot(
      `"RangeError: Expected shares that add up to 1 for splitEmoji, got [0.5, 0.4]"`,
    );
    expect(await thrown(() => splitEmoji(many, [0.5, 0.5], { seed: 0.5 }))).toMatchInlineSnapshot(
      `"RangeError: Expected an integer for splitEmoji seed, got 0.5"`,
    );
  });
});

describe('kin', () => {
  it('has man, woman and person of an occupation as one, and different things apart', async () => {
    const names = ['man running', 'person running', 'woman cook', 'man cook', 'cook', 'man farmer'];
    names.push('three o’clock', 'ten-thirty', 'red apple', 'green apple', 'full moon', 'crescent moon');
    const icons = names.map((name, i) => [
      name.replaceAll(/\W/g, '-'),
      box('#f00', 0, 0, 1 + (i % 4), 1 + (i >> 2)),
    ]);
    const packages = writeIconPackages(tmp(), { openmoji: { icons: Object.fromEntries(icons) } });
    const { emoji } = await EmojiStyles.load({ styles: ['openmoji'], size: 16, cache: null, packages });
    expect(emoji).toHaveLength(names.length);
    const kinOf = (name: string) => emoji.find((each) => each.name === name)?.kin;
    expect(kinOf('man running')).toBe(kinOf('person running'));
    expect(kinOf('woman cook')).toBe(kinOf('man cook'));
    expect(kinOf('cook')).toBe(kinOf('man cook'));
    expect(kinOf('full moon')).toBe(kinOf('crescent moon'));
    expect(kinOf('three o’clock')).toBe(kinOf('ten-thirty'));
    expect(kinOf('red apple')).not.toBe(kinOf('green apple'));
    expect(kinOf('man cook')).not.toBe(kinOf('man farmer'));
  });
});

describe('EMOJI_STYLES', () => {
  it('names a licence and an author for each of nine styles', () => {
    expect(EMOJI_STYLES).toHaveLength(9);
    for (const style of EMOJI_STYLES) expect(style.licence).toMatch(/^(Apache-2\.0|MIT|CC-BY(-SA)?-4\.0)$/);
    const info = (name: string) =>
      JSON.parse(readFileSync(`node_modules/@iconify-json/${name}/info.json`, 'utf8')) as {
        license: { spdx: string };
      };
    for (const { name, licence } of EMOJI_STYLES.filter((style) => REAL.styles.includes(style.name)))
      expect(info(name).license.spdx).toBe(licence);
  });
});
