import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compile } from '../../lib/compile/index.ts';
import * as reid from '../../lib/reid/index.ts';
import * as serve from '../../lib/serve/index.ts';
import { manualSeed, type Tensor } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/index.ts';
import { json, PNG_TYPE, post, refusal } from './helpers.ts';

function network(seed: number) {
  manualSeed(seed);
  const model = reid.osnet_x0_25({ numClasses: 5 }).eval() as reid.OSNet & { forward(x: Tensor): Tensor };
  const transform = reid.reidTransform('outside', [64, 32]);
  return { model, transform };
}

/** A service over a small network; `seeds` are those of the loads. */
async function serveReid(options: Partial<serve.ReidGalleryOptions> = {}, seeds: number[] = [0]) {
  let loads = 0;
  const load = async () => {
    const { model, transform } = network(seeds[loads++] ?? seeds.at(-1) ?? 0);
    return {
      name: 'osnet',
      model: await compile(model, { inputs: [[1, 3, 64, 32]], threads: 1, maxBatch: 4 }),
      transform,
    };
  };
  const gallery = options.folder === undefined ? await reid.Gallery.open({ width: 512 }) : undefined;
  const own = gallery === undefined ? {} : { gallery };
  const service = await serve.reidGallery({ load, ...own, ...options });
  const errors: Error[] = [];
  const server = await serve.createServer(service, { onError: (error) => void errors.push(error) });
  onTestFinished(() => server.close({ drainMs: 0 }));
  return { url: await server.listen({ port: 0 }), server, gallery, errors };
}

function picture(seed: number, light = 0): Promise<Buffer> {
  const bytes = Buffer.alloc(16 * 8 * 3, 0).map((_, i) => ((i * (7 + 5 * seed) + seed * 91) % 236) + light);
  return sharp(bytes, { raw: { width: 8, height: 16, channels: 3 } })
    .resize(32, 64)
    .png()
    .toBuffer();
}

function form(file: Buffer, fields: Record<string, string>): FormData {
  const made = new FormData();
  made.append('file', new Blob([new Uint8Array(file)]), 'a.png');
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  return made;
}

const call = async (url: string, method = 'GET', body?: object) => {
  const response = await fetch(url, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: json }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
};

/** Four people, each by two cameras. */
async function enrolPeople(url: string) {
  for (let person = 0; person < 4; person++) {
    for (const camera of ['hall', 'door']) {
      const fields = {
        id: `p${person}/${camera}`,
        identity: `p${person}`,
        camera,
        time: String(1000 * person),
        tags: 'staff,day',
      };
      const answer = await post(
        `${url}/enrol`,
        form(await picture(person, camera === 'hall' ? 0 : 2), fields),
        {},
      );
      expect(refusal(answer)).toMatch(/^201/);
    }
  }
}

describe('POST /extract', () => {
  it("gives reid.extract's features, mirrored images averaged where asked", async () => {
    for (const flip of [false, true]) {
      const { url } = await serveReid({ flip });
      const { model, transform } = network(0);
      const loaded = { model, transform };
      const file = join(tmp(), 'a.png');
      writeFileSync(file, await picture(1));
      const answer = await post(`${url}/extract`, await picture(1), PNG_TYPE);
      const [{ feature }] = answer.body.results as [{ feature: number[] }];
      const expected = await expectedFeature(loaded, file, flip);
      expect(feature.length).toBe(512);
      for (const [i, value] of feature.entries()) expect(value).toBeCloseTo(expected[i] as number, 5);
    }
  });
});

async function expectedFeature(
  { model, transform }: ReturnType<typeof network>,
  file: string,
  flip: boolean,
): Promise<number[]> {
  const { decodeImage } = await import('../../lib/data/index.ts');
  const { noGrad } = await import('../../lib/tensor/index.ts');
  const x = transform.forward(await decodeImage(file)).unsqueeze(0);
  return noGrad(() => {
    const plain = model.forward(x) as Tensor;
    const mean = flip ? plain.add(model.forward(x.flip([3])) as Tensor).div(2) : plain;
    return mean.div(mean.norm()).flatten().toArray() as number[];
  });
}

describe('a gallery over HTTP', () => {
  it('finds who is most like an image, by filters, and says whether it is a match', async () => {
    const { url, errors } = await serveReid();
    await enrolPeople(url);
    const found = await post(`${url}/search?k=3`, await picture(2), PNG_TYPE);
    const matches = found.body.matches as Record<string, unknown>[];
    expect(
      matches
        .slice(0, 2)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['p2/door', 'p2/hall']);
    expect(matches[0]).toMatchObject({ identity: 'p2', time: 2000, tags: ['staff', 'day'] });
    expect((matches[0]?.similarity as number) + (matches[0]?.distance as number)).toBeCloseTo(1, 6);
    expect(found.body).toMatchObject({ verdict: null, threshold: null, entries: 8 });
    const search = async (query: string) =>
      (await post(`${url}/search?${query}`, await picture(2), PNG_TYPE)).body as never;
    expect(await search('threshold=1&k=2&camera=door')).toMatchObject({ verdict: 'unknown' });
    expect(await search('threshold=-1&k=2')).toMatchObject({
      verdict: 'match',
      matches: [{ isMatch: true }, {}],
    });
    expect(await search('camera=door&k=1')).toMatchObject({ matches: [{ id: 'p2/door' }] });
    expect(await search('notCamera=door&k=1')).toMatchObject({ matches: [{ id: 'p2/hall' }] });
    expect(await search('identity=p0,p1&to=500')).toMatchObject({
      matches: [{ identity: 'p0' }, { identity: 'p0' }],
    });
    expect(await search('tags=night')).toMatchObject({ matches: [] });
    expect(errors).toEqual([]);
  });

  it('searches by a feature and by an entry, which is not found itself', async () => {
    const { url } = await serveReid();
    await enrolPeople(url);
    const { body } = await call(`${url}/entries/${encodeURIComponent('p1/hall')}`);
    const byFeature = await call(`${url}/search`, 'POST', { feature: body.feature, k: 1 });
    expect(byFeature.body.matches[0]).toMatchObject({ id: 'p1/hall' });
    const byEntry = await call(`${url}/search`, 'POST', { entry: 'p1/hall', k: 7 });
    expect(byEntry.body.matches).toHaveLength(7);
    expect(byEntry.body.matches[0]).toMatchObject({ id: 'p1/door' });
    for (const [fields, message] of [
      [{}, '400 ERR_REQUEST: Expected one image, "feature" or "entry", got 0 of them'],
      [{ entry: 'x' }, '404 ERR_GALLERY_ENTRY: Expected the id of an entry, got "x", which is not there'],
      [
        { feature: [1, 2] },
        '400 ERR_REQUEST: Expected 512 numbers for Gallery.search feature, got 2; was it made by another network?',
      ],
      [{ entry: 'p1/hall', k: 0 }, '400 ERR_REQUEST: Expected other fields: "k" must be >= 1'],
      [
        { entry: 'p1/hall', cam: ['a'] },
        '400 ERR_REQUEST: Expected a known field, got "cam"; did you mean camera?',
      ],
    ] as const) {
      expect(refusal(await call(`${url}/search`, 'POST', fields))).toBe(message);
    }
  });

  it('lists, changes and deletes entries', async () => {
    const { url } = await serveReid();
    await enrolPeople(url);
    const list = async (query: string) => (await call(`${url}/entries?${query}`)).body;
    expect(await list('offset=2&limit=3')).toMatchObject({
      total: 8,
      entries: [{ id: 'p1/door' }, { id: 'p1/hall' }, { id: 'p2/door' }],
    });
    expect(await list('camera=hall&from=2000')).toMatchObject({
      total: 2,
      entries: [{ id: 'p2/hall' }, { id: 'p3/hall' }],
    });
    const entry = `${url}/entries/${encodeURIComponent('p3/hall')}`;
    const changed = await call(entry, 'PATCH', { identity: null, camera: 'roof', tags: ['night'] });
    expect(changed).toEqual({
      status: 200,
      body: { id: 'p3/hall', camera: 'roof', time: 3000, tags: ['night'] },
    });
    expect((await call(entry, 'DELETE')).status).toBe(204);
    expect((await call(entry)).status).toBe(404);
    expect((await call(entry, 'DELETE')).status).toBe(404);
    expect(refusal(await call(entry, 'PATCH', { camera: 'x' }))).toMatch(/^404 ERR_GALLERY_ENTRY/);
    expect(refusal(await call(entry, 'PATCH', { camera: 3, colour: 'x' }))).toMatch(
      /^400 ERR_REQUEST: Expected a known field/,
    );
    expect(await call(`${url}/gallery`)).toMatchObject({
      body: {
        entries: 7,
        width: 512,
        identities: 4,
        cameras: [
          { name: 'door', entries: 4 },
          { name: 'hall', entries: 3 },
        ],
      },
    });
  });

  it('refuses an id twice, also while the first is under way, and what is no entry', async () => {
    const { url } = await serveReid();
    const image = await picture(1);
    const both = await Promise.all([1, 2].map(() => post(`${url}/enrol`, form(image, { id: 'same' }), {})));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(refusal(await post(`${url}/enrol`, form(image, { id: 'same' }), {}))).toMatch(
      /^409 ERR_GALLERY_ENTRY: Expected a new id, got "same"/,
    );
    expect(refusal(await call(`${url}/enrol`, 'POST', { camera: 'x' }))).toBe(
      '400 ERR_REQUEST: Expected one image or "feature", got 0',
    );
    expect(refusal(await call(`${url}/enrol`, 'POST', { feature: [0] }))).toMatch(
      /^400 ERR_REQUEST: Expected 512 numbers/,
    );
    const made = await post(`${url}/enrol`, image, PNG_TYPE);
    expect(made.body.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('draws the curve of its labelled entries, and finds a threshold where they are enough', async () => {
    const { url, gallery } = await serveReid();
    expect(refusal(await call(`${url}/roc`))).toMatch(
      /^400 ERR_REQUEST: Expected entries with an identity, got 0/,
    );
    await enrolPeople(url);
    const { body } = await call(`${url}/roc`);
    expect(body).toMatchObject({ genuinePairs: 4, impostorPairs: 24, images: 8, identities: 4 });
    expect(body.points.at(-1)).toEqual({ threshold: -1, truePositives: 1, falsePositives: 1 });
    const sorted = [...body.points].sort(
      (a: { threshold: number }, b: { threshold: number }) => b.threshold - a.threshold,
    );
    expect(body.points).toEqual(sorted);
    expect(refusal(await call(`${url}/calibrate`, 'POST', {}))).toMatch(
      /^400 ERR_REQUEST: Expected at least 10,000 pairs/,
    );
    manualSeed(1);
    const centres = Array.from({ length: 40 }, () => Array.from({ length: 512 }, () => Math.random() - 0.5));
    await gallery?.enrol(
      centres.flatMap((centre, person) =>
        [0, 1, 2].map((shot) => ({
          id: `c${person}-${shot}`,
          identity: `c${person}`,
          feature: centre.map((value) => value + 0.3 * (Math.random() - 0.5)),
        })),
      ),
    );
    const calibration = await call(`${url}/calibrate`, 'POST', { falseMatchRate: 0.01 });
    expect(calibration.body.trueMatchRate).toBeGreaterThan(0.9);
    const known = await call(`${url}/search`, 'POST', { entry: 'c0-0' });
    expect(known.body).toMatchObject({ verdict: 'match', threshold: calibration.body.threshold });
  });
});

describe('a gallery in a folder', () => {
  it('keeps entries and images over a restart, and refuses the features of another network', async () => {
    const folder = join(tmp(), 'people');
    const first = await serveReid({ folder });
    await enrolPeople(first.url);
    expect(readdirSync(join(folder, 'images'))).toHaveLength(8);
    await first.server.close({ drainMs: 0 });
    const second = await serveReid({ folder });
    const image = await fetch(`${second.url}/entries/${encodeURIComponent('p1/hall')}/image`);
    expect(image.headers.get('content-type')).toBe('image/png');
    expect(image.headers.get('content-security-policy')).toContain('sandbox');
    expect(Buffer.from(await image.arrayBuffer())).toEqual(await picture(1));
    await call(`${second.url}/entries/${encodeURIComponent('p1/hall')}`, 'DELETE');
    expect(readdirSync(join(folder, 'images'))).toHaveLength(7);
    await second.server.close({ drainMs: 0 });
    await expect(serveReid({ folder }, [7])).rejects.toThrow(
      /Expected the network that the gallery was made with, got another: .* cosine of 0\.\d+; extract all images again/,
    );
    await expect(serveReid({ folder, flip: true })).rejects.toThrow('leave out --flip');
  });

  it('goes on with its network where a reload brings another', async () => {
    const { server, url } = await serveReid({}, [0, 9, 0]);
    await enrolPeople(url);
    await expect(server.reload()).rejects.toThrow('Expected the network that the gallery was made with');
    expect((await post(`${url}/search`, await picture(2), PNG_TYPE)).status).toBe(200);
    await server.reload();
    expect((await call(`${url}/model`)).body).toMatchObject({ name: 'osnet', reloads: 1 });
  });

  it('shows files that ids are the paths of, and none outside', async () => {
    const root = tmp();
    mkdirSync(join(root, 'shots'));
    writeFileSync(join(root, 'shots/a.png'), await picture(1));
    writeFileSync(join(root, 'secret.txt'), 'secret');
    const feature = Array.from({ length: 512 }, (_, i) => i + 1);
    const ids = ['a.png', '../secret.txt', '/etc/hostname', 'nowhere.png', 'x\0y'];
    const entries = ids.map((id) => ({ id, feature }));
    const { url } = await serveReid({ images: join(root, 'shots'), entries });
    const statuses = await Promise.all(
      ids.map(async (id) => (await fetch(`${url}/entries/${encodeURIComponent(id)}/image`)).status),
    );
    expect(statuses).toEqual([200, 404, 404, 404, 404]);
    expect(existsSync(join(root, 'secret.txt'))).toBe(true);
  });
});

describe('options of serve.reidGallery', () => {
  it('that are wrong are refused', async () => {
    const load = () => ({}) as never;
    expect(await serve.reidGallery({ load }).catch(String)).toBe(
      'TypeError: Expected folder or gallery for serve.reidGallery, got neither',
    );
    expect(await serve.reidGallery({ load, folder: 'a', foldre: 'b' } as never).catch(String)).toBe(
      'RangeError: Expected a known option for serve.reidGallery, got "foldre"; did you mean folder?',
    );
    const gallery = await reid.Gallery.open({ width: 3 });
    await expect(serveReid({ gallery })).rejects.toThrow(
      'Expected a gallery of features with 512 numbers, as the network gives, got 3',
    );
  });
});
