import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { csvRows } from '../../../lib/reid/data/csv-rows.ts';
import * as reid from '../../../lib/reid/index.ts';
import { message } from '../../helpers/errors.ts';
import { tmp } from '../../helpers/files.ts';

/** Makes files: empty ones, or with the text given. */
function tree(files: readonly (string | [name: string, text: string])[]): string {
  const root = tmp();
  for (const file of files) {
    const [name, text] = typeof file === 'string' ? [file, ''] : file;
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

const show = (root: string, images: readonly reid.ReidImage[]) =>
  images.map(({ path, id, camera }) => `${path.slice(root.length + 1)} ${id} ${camera}`);

const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
afterEach(() => warning.mockClear());

const MARKET = [
  'bounding_box_train/0007_c3s1_000451_03.jpg',
  'bounding_box_train/0002_c1s1_000451_03.jpg',
  'bounding_box_train/-1_c1s1_000451_03.jpg',
  'bounding_box_train/Thumbs.db',
  'query/0001_c6s1_000451_00.jpg',
  'bounding_box_test/0000_c1s1_000451_03.jpg',
  'bounding_box_test/-1_c2s1_000451_03.jpg',
  'bounding_box_test/0001_c2s1_000451_03.jpg',
];

describe('loadData', () => {
  it('reads Market-1501: junk is left out, distractors stay, cameras count from 0', () => {
    const root = tree(MARKET.map((name) => `Market-1501-v15.09.15/${name}`));
    const data = reid.loadData('market1501', root);
    expect(show(data.root, data.train)).toEqual([
      'bounding_box_train/0002_c1s1_000451_03.jpg 2 0',
      'bounding_box_train/0007_c3s1_000451_03.jpg 7 2',
    ]);
    expect(show(data.root, data.query)).toEqual(['query/0001_c6s1_000451_00.jpg 1 5']);
    expect(show(data.root, data.gallery)).toEqual([
      'bounding_box_test/0000_c1s1_000451_03.jpg 0 0',
      'bounding_box_test/0001_c2s1_000451_03.jpg 1 1',
    ]);
    expect(data.counts.gallery).toEqual({ images: 2, ids: 2, cameras: 2 });
    expect(data.differences[0]).toBe('train has 2 images in place of 12,936');
    expect(warning).toHaveBeenCalledWith(expect.stringContaining('not as published'), {
      code: 'IBN_REID_COUNTS',
    });
  });

  it('reads DukeMTMC-reID and VeRi-776', () => {
    const duke = reid.loadData(
      'dukemtmcreid',
      tree([
        'bounding_box_train/0001_c2_f0046182.jpg',
        'query/0005_c8_f0051341.jpg',
        'bounding_box_test/7139_c1_f0046302.jpg',
      ]),
    );
    expect(duke.gallery.map(({ id, camera }) => [id, camera])).toEqual([[7139, 0]]);
    const veri = reid.loadData(
      'veri',
      tree([
        'image_train/0001_c001_00016450_0.jpg',
        'image_query/0002_c020_00030600_0.jpg',
        'image_test/0776_c014_00040750_0.jpg',
      ]),
    );
    expect(veri.query.map(({ id, camera }) => [id, camera])).toEqual([[2, 19]]);
  });

  it('reads both versions of MSMT17, whose test identities begin behind the others', () => {
    for (const [version, train, test] of [
      ['MSMT17_V1', 'train', 'test'],
      ['MSMT17_V2', 'mask_train_v2', 'mask_test_v2'],
    ]) {
      const line = (id: number, camera: string) =>
        `000${id}/000${id}_000_${camera}_0303morning_0015_0.jpg ${id}\n`;
      const root = tree([
        [`${version}/list_train.txt`, line(0, '01') + line(1, '15')],
        [`${version}/list_val.txt`, line(1, '02')],
        [`${version}/list_query.txt`, line(0, '03')],
        [`${version}/list_gallery.txt`, line(0, '04')],
        `${version}/${train}/x`,
        `${version}/${test}/x`,
      ]);
      const data = reid.loadData('msmt17', root);
      expect(show(data.root, data.query)).toEqual([`${test}/0000/0000_000_03_0303morning_0015_0.jpg 2 2`]);
      expect(data.train.map(({ id, camera }) => [id, camera])).toEqual([
        [0, 0],
        [1, 14],
      ]);
      expect(reid.loadData('msmt17', root, { withVal: true }).train).toHaveLength(3);
    }
  });

  it('reads VehicleID: one image of each vehicle is the gallery, the same for the same seed', () => {
    const list = Array.from({ length: 12 }, (_, index) => `${String(index).padStart(7, '0')} ${index % 3}\n`);
    const root = tree([
      ['train_test_split/train_list.txt', '0000100 9\n'],
      ['train_test_split/test_list_800.txt', list.join('')],
      'image/0000000.jpg',
    ]);
    const draw = (seed: number) => reid.loadData('vehicleid', root, { seed });
    expect(
      draw(1)
        .gallery.map(({ id }) => id)
        .sort(),
    ).toEqual([0, 1, 2]);
    expect(draw(1).query).toHaveLength(9);
    expect(draw(1)).toEqual(draw(1));
    const galleries = [0, 1, 2, 3, 4].map((seed) => JSON.stringify(draw(seed).gallery));
    expect(new Set(galleries).size).toBeGreaterThan(1);
    expect(new Set(draw(0).query.map(({ camera }) => camera)).size).toBe(9);
  });

  it('reads VIPeR: each split and the next share their training half', () => {
    const names = Array.from({ length: 8 }, (_, index) => String(index * 3).padStart(3, '0'));
    const root = tree([
      ...names.map((name) => `VIPeR/cam_a/${name}_00.bmp`),
      ...names.map((name) => `VIPeR/cam_b/${name}_45.bmp`),
    ]);
    const [even, odd] = [
      reid.loadData('viper', root, { split: 4 }),
      reid.loadData('viper', root, { split: 5 }),
    ];
    expect(even.train).toEqual(odd.train);
    expect(even.query).toEqual(odd.gallery);
    const ids = (images: readonly reid.ReidImage[]) => new Set(images.map(({ id }) => id));
    expect(ids([...even.train, ...even.query])).toEqual(new Set(names.map(Number)));
    expect(even.query.every(({ camera }) => camera === 0)).toBe(true);
    expect(message(() => reid.loadData('viper', root, { split: 20 }))).toContain('from 0 to 19');
  });

  it('reads CUHK03 from folders and from splits with paths of another machine', () => {
    const folders = tree([
      'labeled/bounding_box_train/0003_c1_21.png',
      'labeled/query/0001_c1_1.png',
      'labeled/bounding_box_test/0001_c2_6.png',
    ]);
    expect(reid.loadData('cuhk03', folders, { labeled: true }).gallery[0]).toMatchObject({
      id: 1,
      camera: 1,
    });
    const split = (name: string) => ({
      train: [[`/home/me/images_detected/${name}`, 0, 1]],
      query: [],
      gallery: [],
    });
    const root = tree([
      [
        'cuhk03/splits_classic_detected.json',
        JSON.stringify([split('1_001_1_01.png'), split('1_002_2_06.png')]),
      ],
      ['cuhk03/splits_new_detected.json', '{"train": []}'],
      'cuhk03/images_detected/x',
    ]);
    const data = reid.loadData('cuhk03', root, { classic: true, split: 1 });
    expect(show(data.root, data.train)).toEqual(['images_detected/1_002_2_06.png 0 1']);
    expect(message(() => reid.loadData('cuhk03', root))).toContain(
      'Expected splits as deep-person-reid writes them',
    );
    expect(message(() => reid.loadData('cuhk03', root, { classic: true, split: 2 }))).toContain('0 to 1');
  });

  it('reads any folder by a pattern, and a table', () => {
    const root = tree([
      'q/anna/entrance-1.png',
      'g/anna/hall-2.png',
      'g/bert/hall-3.png',
      [
        'list.csv',
        'path,id,camera,split\nq/anna/entrance-1.png,anna,e,query\n"g/bert/hall-3.png",bert,h,gallery\n',
      ],
    ]);
    const options = { query: 'q', gallery: 'g' };
    const data = reid.loadData('folder', root, { ...options, pattern: '{id}/{camera}-{}' });
    expect(show(root, data.gallery)).toEqual(['g/anna/hall-2.png anna hall', 'g/bert/hall-3.png bert hall']);
    const expression = reid.loadData('folder', root, { ...options, pattern: /(?<id>\w+)\/(?<camera>\w+)/ });
    expect(expression.query).toEqual(data.query);
    const alone = reid.loadData('folder', root, { ...options, pattern: '{id}/{}' });
    expect(alone.gallery.map(({ camera }) => camera)).toEqual(['anna/hall-2.png', 'bert/hall-3.png']);
    const table = reid.loadData('csv', join(root, 'list.csv'));
    expect(show(root, [...table.query, ...table.gallery])).toEqual([
      'q/anna/entrance-1.png anna e',
      'g/bert/hall-3.png bert h',
    ]);
  });

  it('says what it expected where', () => {
    const market = tree(['train/a.jpg', 'query/b.jpg']);
    const wrong = tree([...MARKET, 'query/0001_c9s1_000451_00.jpg']);
    const empty = tree([...MARKET.filter((name) => !name.startsWith('query')), 'query/readme.txt']);
    const table = tree([['list.csv', 'path,id,camera,split\na.png,1,1,test\n']]);
    const text = (fn: () => unknown) =>
      [market, wrong, empty, table].reduce((said, root) => said.replaceAll(root, 'ROOT'), message(fn));
    expect([
      text(() => reid.loadData('market1501', market)),
      text(() => reid.loadData('market1501', join(market, 'none'))),
      text(() => reid.loadData('market1501', wrong)),
      text(() => reid.loadData('market1501', empty)),
      text(() => reid.loadData('msmt17', market)),
      text(() => reid.loadData('folder', market, { pattern: '{id}_{camera}', query: 'query' })),
      text(() => reid.loadData('folder', market, { pattern: 'x', query: 'query' })),
      text(() => reid.loadData('csv', join(table, 'list.csv'))),
      text(() => reid.loadData('market' as 'veri', market, { split: 1 } as never)),
      text(() => reid.loadData('markt1501' as 'veri', market)),
    ]).toMatchInlineSnapshot(`
      [
        "DatasetError: Expected bounding_box_train, query, bounding_box_test of Market-1501 in ROOT, or in its folder Market-1501-v15.09.15 or market1501, got query, train; check the path",
        "DatasetError: Expected bounding_box_train, query, bounding_box_test of Market-1501 in ROOT/none, or in its folder Market-1501-v15.09.15 or market1501, got no such folder; check the path",
        "DatasetError: Expected a name like 0002_c1s1_000451_03.jpg with an identity from 0 to 1501 and a camera from 1 to 6, got 0001_c9s1_000451_00.jpg; is it of this data set?",
        "DatasetError: Expected images (.jpg) of Market-1501 in ROOT/query, got none; it needs bounding_box_train, query, bounding_box_test",
        "DatasetError: Expected list_train.txt, list_query.txt, list_gallery.txt of MSMT17 in ROOT, or in its folder MSMT17_V1 or MSMT17_V2 or msmt17/MSMT17_V1 or msmt17/MSMT17_V2, got query, train; check the path",
        "DatasetError: Expected a path that fits /^(?<id>[^/]+?)_(?<camera>[^/]+?)(?:\\.\\w+)?$/ below ROOT/query, got b.jpg; change the pattern",
        "RangeError: Expected a pattern with {id} for imageFolders pattern, got "x"",
        "DatasetError: Expected path, id, camera and split (train, query or gallery) in record 2 of ROOT/list.csv, got {"path":"a.png","id":"1","camera":"1","split":"test"}",
        "RangeError: Expected no options for loadData market1501, got split",
        "RangeError: Expected a data set for loadData, got "markt1501"; did you mean market1501?",
      ]
    `);
  });
});

const data = (name: string, ids: (number | string)[], gallery: (number | string)[] = []): reid.ReidData => {
  const images = (list: (number | string)[]) =>
    list.map((id, index) => ({ path: `${name}/${id}/${index}`, id, camera: index % 2 }));
  const none = { images: 0, ids: 0, cameras: 0 };
  return {
    name,
    root: name,
    train: images(ids),
    query: [],
    gallery: images(gallery),
    counts: { train: none, query: none, gallery: none },
    differences: [],
  };
};

describe('a table', () => {
  it('has quoted cells, empty ones, and lines that end in any way', () => {
    expect(csvRows('\ufeffa,"b, ""c""\nd"\r\n\n,\nx,y')).toEqual([
      ['a', 'b, "c"\nd'],
      ['', ''],
      ['x', 'y'],
    ]);
    expect(csvRows('')).toEqual([]);
    expect(csvRows('a,')).toEqual([['a', '']]);
    expect(message(() => csvRows('a\n"b'))).toBe('Error: a quote that does not end in line 2');
    expect(message(() => csvRows('"a"b'))).toBe('Error: text behind a quote in line 1');
  });
});

describe('trainingSet', () => {
  it('labels identities from 0 on, by number or as the texts of fast-reid sort', () => {
    const labels = (order: 'number' | 'text') =>
      reid.trainingSet([data('market1501', [10, 2, 1, 2])], { order }).images.map(({ label }) => label);
    expect(labels('number')).toEqual([2, 1, 0, 1]);
    expect(labels('text')).toEqual([1, 2, 0, 2]); // market1501_1, market1501_10, market1501_2
  });

  it('keeps identities and cameras of several data sets apart', () => {
    const set = reid.trainingSet([data('a', [1, 2]), data('b', [1, 1])]);
    expect(set).toMatchObject({ numClasses: 3, numCameras: 4 });
    expect(set.images.map(({ label, camera }) => [label, camera])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [2, 3],
    ]);
    expect(set.classes[2]).toEqual({ data: 1, id: 1 });
  });

  it('trains on test images too when asked to, but not on distractors', () => {
    const set = reid.trainingSet([data('a', [1], [1, 0, 5])], { combineAll: true });
    expect(set.classes.map(({ id }) => id)).toEqual([1, 1, 5]);
    expect(message(() => reid.trainingSet([data('a', [])]))).toContain('got none');
  });
});
