import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { manualSeed, randn, type Tensor } from '../../../lib/tensor/index.ts';

const IMAGE = fileURLToPath(new URL('../../fixtures/images/coffee-420.jpg', import.meta.url));
const PEOPLE = 12;
const CAMERAS = ['hall', 'door <1>', 'yard'];

/** People seen once by each camera. */
function seen(noise: number): reid.ReportImages {
  manualSeed(3);
  const people = randn([PEOPLE, 16]);
  manualSeed(noise * 10);
  const rows = PEOPLE * CAMERAS.length;
  return {
    features: people.repeat([CAMERAS.length, 1]).add(randn([rows, 16]).mul(noise)),
    ids: Array.from({ length: rows }, (_, row) => row % PEOPLE),
    cameras: Array.from({ length: rows }, (_, row) => CAMERAS[Math.floor(row / PEOPLE)] as string),
  };
}

const inputs = (query: reid.ReportImages, gallery: reid.ReportImages) => ({
  queryFeatures: query.features,
  galleryFeatures: gallery.features,
  queryIds: query.ids,
  galleryIds: gallery.ids,
  queryCameras: query.cameras,
  galleryCameras: gallery.cameras,
  metric: 'cosine' as const,
});

describe('reid.reportPage', () => {
  it('shows the figures of the library, in a page that asks for nothing', async () => {
    const [query, gallery] = [seen(1), seen(1.2)];
    const page = await reid.reportPage({ query, gallery, title: 'Day & night' });
    const { cmc, mAP, mINP } = reid.evaluateRanking(inputs(query, gallery));
    for (const figure of [cmc[0] as number, mAP, mINP])
      expect(page).toContain(`>${(100 * figure).toFixed(2)}<`);
    expect(page).toContain('<title>Day &amp; night</title>');
    expect(page).not.toMatch(/(src|href)="(?!data:|#)/);
    expect(page.match(/<svg /g)).toHaveLength(3);
    expect(page).toContain('door &lt;1&gt;');
    expect(page).not.toContain('door <1>');
  });

  it('marks matches and others as the labels say, nearest first, and leaves junk out', async () => {
    const [query, gallery] = [seen(1), seen(1.2)];
    const page = await reid.reportPage({ query, gallery, lists: 2, top: 36 });
    const lists = [...page.matchAll(/<div class="list">(.*?)<\/div>/gs)].map(([, list]) => list as string);
    expect(lists).toHaveLength(6);
    for (const list of lists) {
      const cards = [...list.matchAll(/class="card (\w+)" title="image \d+: identity (\d+), camera (.*?)"/g)];
      const [asked, ...found] = cards.map(([, kind, id, camera]) => ({ kind, id, camera }));
      expect(asked?.kind).toBe('asked');
      expect(found).toHaveLength(35);
      for (const { kind, id, camera } of found) {
        expect(kind).toBe(id === asked?.id ? 'match' : 'other');
        expect(id === asked?.id && camera === asked?.camera).toBe(false);
      }
      const distances = [...list.matchAll(/<br>(\d\.\d{3})</g)].map(([, distance]) => Number(distance));
      expect(distances).toEqual([...distances].sort((a, b) => a - b));
    }
  });

  it('puts the queries of least average precision first, and those of the highest last', async () => {
    const [query, gallery] = [seen(1), seen(1.2)];
    const page = await reid.reportPage({ query, gallery, lists: 3 });
    const shown = [...page.matchAll(/AP (\d+\.\d) %/g)].map(([, value]) => Number(value));
    const all = reid
      .rankQueries(inputs(query, gallery))
      .map(({ averagePrecision }) => Number((100 * averagePrecision).toFixed(1)))
      .sort((a, b) => a - b);
    expect(shown.slice(0, 3)).toEqual(all.slice(0, 3));
    expect(shown.slice(6)).toEqual(all.slice(-3).reverse());
  });

  it('gives each pair of cameras the mAP of an evaluation of its own', async () => {
    const [query, gallery] = [seen(1), seen(1.2)];
    const page = await reid.reportPage({ query, gallery });
    const part = (side: reid.ReportImages, camera: number): reid.ReportImages => ({
      features: (side.features as Tensor).narrow(0, camera * PEOPLE, PEOPLE),
      ids: (side.ids as number[]).slice(0, PEOPLE),
      cameras: (side.cameras as string[]).slice(camera * PEOPLE, (camera + 1) * PEOPLE),
    });
    const { mAP } = reid.evaluateRanking(inputs(part(query, 0), part(gallery, 2)));
    const hall = /<tr><td>hall<\/td>(.*?)<\/tr>/s.exec(page)?.[1] as string;
    const cells = [...hall.matchAll(/<td[^>]*>(?:<span[^>]*>)?([^<]*)/g)].map(([, text]) => text);
    expect(cells).toHaveLength(3);
    expect(cells[1]).toBe('-');
    expect(cells[2]).toBe((100 * mAP).toFixed(1));
  });

  it('shows images where paths are given', async () => {
    const query = { ...seen(1), paths: new Array<string>(PEOPLE * CAMERAS.length).fill(IMAGE) };
    const page = await reid.reportPage({ query, gallery: seen(1.2), lists: 1, top: 2 });
    expect(page.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(3);
  });

  it('refuses other lengths, widths and options', async () => {
    const [query, gallery] = [seen(1), seen(1.2)];
    const report = (options: object) =>
      reid.reportPage({ query, gallery, ...options } as reid.ReidReportOptions);
    await expect(report({ query: { ...query, names: ['a'] } })).rejects.toThrow(
      'Expected 36 names for reid.reportPage',
    );
    await expect(report({ query: { ...query, features: randn([36, 8]) } })).rejects.toThrow(
      'got 8 for the queries and 16',
    );
    await expect(report({ query: 5 })).rejects.toThrow('for reid.reportPage query, got 5');
    await expect(report({ tops: 5 })).rejects.toThrow('did you mean top?');
    await expect(report({ top: 0 })).rejects.toThrow(
      'Expected a whole number from 1 for reid.reportPage top, got 0',
    );
  });
});
