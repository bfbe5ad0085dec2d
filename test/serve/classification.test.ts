import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Classifier } from '../../lib/cli/network/classifier.ts';
import { decodeImage } from '../../lib/data/index.ts';
import * as serve from '../../lib/serve/index.ts';
import { root } from '../helpers/index.ts';
import {
  FakeModel,
  JPEG,
  json,
  PATIENT,
  PNG_TYPE,
  post,
  refusal,
  SHIRT,
  serveFake,
  small,
} from './helpers.ts';

const CHECKPOINT = join(root, 'assets/fashion-mnist-resnet-ibn-a.pth');

async function serveShirts() {
  const classifier = await Classifier.load({ checkpoint: CHECKPOINT, run: { maxBatch: 8, maxDelayMs: 2 } });
  const { runner, preparation, classes } = classifier;
  const served = { name: 'shirts', model: runner, transform: preparation.whole, classes };
  const service = await serve.classification({ load: () => served });
  const server = await serve.createServer(service);
  onTestFinished(() => server.close({ drainMs: 0 }));
  return { classifier, url: await server.listen({ port: 0 }) };
}

async function results(url: string, body: Parameters<typeof post>[1], headers?: Record<string, string>) {
  const answer = await post(url, body, headers);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.results as { name: string; predictions: { class: string; probability: number }[] }[];
}

describe('POST /classify', () => {
  it('gives the classes and probabilities that the command classify does, by body, form and JSON', async () => {
    const { classifier, url } = await serveShirts();
    const image = await decodeImage(SHIRT);
    const [expected] = await classifier.predict([classifier.prepare(image)], 3);
    const close = expected?.map(({ probability, ...rest }) => ({
      ...rest,
      probability: expect.closeTo(probability, 5),
    }));
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(SHIRT)]), 'shirt.png');
    form.append('top', '3');
    const text = SHIRT.toString('base64');
    const answers = [
      await results(`${url}/classify?top=3`, SHIRT, PNG_TYPE),
      await results(`${url}/classify?top=3`, SHIRT, { 'content-type': 'application/octet-stream' }),
      await results(`${url}/classify`, form, {}),
      await results(`${url}/classify`, JSON.stringify({ image: text, top: 3 }), json),
      await results(
        `${url}/classify`,
        JSON.stringify({ images: [`data:image/png;base64,${text}`], top: 3 }),
        json,
      ),
    ];
    for (const [answer] of answers) expect(answer?.predictions).toEqual(close);
    expect(answers.map(([answer]) => answer?.name)).toEqual([
      'image',
      'image',
      'shirt.png',
      'image',
      'images[0]',
    ]);
  });

  it('answers several images in their order, each as if alone', async () => {
    const { url } = await serveFake();
    const images = [SHIRT, JPEG, SHIRT].map((bytes) => bytes.toString('base64'));
    const all = await results(`${url}/classify?top=3`, JSON.stringify({ images }), json);
    const [shirt] = await results(`${url}/classify?top=3`, SHIRT);
    const [photo] = await results(`${url}/classify?top=3`, JPEG, { 'content-type': 'image/jpeg' });
    expect(all.map(({ predictions }) => predictions)).toEqual([
      shirt?.predictions,
      photo?.predictions,
      shirt?.predictions,
    ]);
    expect(shirt?.predictions).not.toEqual(photo?.predictions);
  });

  it('refuses a request whole where one of its images is damaged, and says which', async () => {
    const { url } = await serveFake();
    const images = [SHIRT, JPEG.subarray(0, 300)].map((bytes) => bytes.toString('base64'));
    const answer = await post(`${url}/classify`, JSON.stringify({ images }), json);
    expect(refusal(answer)).toMatch(/^400 ERR_IMAGE_DECODE: images\[1\]: not a readable image/);
  });
});

describe('GET', () => {
  it('/model tells what answers, and /openapi.json describes what there is', async () => {
    const { url } = await serveFake();
    const get = async (path: string) => (await fetch(url + path)).json() as Promise<Record<string, unknown>>;
    expect(await get('/model')).toMatchObject({ name: 'fake 1', classes: 3, reloads: 0 });
    const { openapi, paths } = (await get('/openapi.json')) as {
      openapi: string;
      paths: Record<string, never>;
    };
    expect(openapi).toBe('3.1.0');
    expect(Object.keys(paths).sort()).toEqual(['/classify', '/healthz', '/model', '/readyz', '/reload']);
    expect(JSON.stringify(paths['/classify'])).toContain('multipart/form-data');
  });

  it('/metrics counts requests, images and those refused', async () => {
    const { url } = await serveFake();
    await results(`${url}/classify`, SHIRT);
    await post(`${url}/classify`, 'no image');
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toContain('http_requests_total{method="POST",route="/classify",status="200"} 1');
    expect(text).toContain('http_requests_total{method="POST",route="/classify",status="400"} 1');
    expect(text).toContain('ibn_pending_images 0');
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
  });

  it('an unknown route says so', async () => {
    const { url } = await serveFake();
    const answer = await fetch(`${url}/clasify`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({
      code: 'ERR_NOT_FOUND',
      message: 'Expected a route of this server, got GET /clasify; see /openapi.json',
    });
  });
});

describe('POST /reload', () => {
  it('answers with the next model, and closes the old one when its last request has ended', async () => {
    const { url, models } = await serveFake();
    const [first] = models;
    first?.hold();
    const slow = post(`${url}/classify`, SHIRT);
    await expect.poll(() => first?.calls, PATIENT).toBe(1);
    expect((await post(`${url}/reload`, undefined, {})).body).toMatchObject({ name: 'fake 2', reloads: 1 });
    await results(`${url}/classify`, SHIRT);
    expect(models[1]?.calls).toBe(1);
    expect(first?.isClosed).toBe(false);
    first?.letGo();
    expect((await slow).status).toBe(200);
    await expect.poll(() => first?.isClosed, PATIENT).toBe(true);
  });

  it('keeps the model where the next cannot be had', async () => {
    let loads = 0;
    const load = (): serve.ServedClassifier => {
      if (loads++ > 0) throw new RangeError('Expected another file, got a bad one');
      return { name: 'only', model: new FakeModel(), transform: small, classes: ['a', 'b', 'c'] };
    };
    const errors: Error[] = [];
    const service = await serve.classification({ load });
    const server = await serve.createServer(service, { onError: (error) => errors.push(error) });
    onTestFinished(() => server.close({ drainMs: 0 }));
    const url = await server.listen({ port: 0 });
    expect((await post(`${url}/reload`, undefined, {})).status).toBe(500);
    expect(errors.map(({ message }) => message)).toEqual(['Expected another file, got a bad one']);
    expect(await results(`${url}/classify`, SHIRT)).toHaveLength(1);
    await expect(server.reload()).rejects.toThrow('Expected another file');
  });
});

describe('what is no classifier', () => {
  it.each([
    [{}, 'TypeError: Expected a function for serve.classification load, got undefined'],
    [
      { load: (): object => ({}) },
      'TypeError: Expected a text for what serve.classification load gives name, got undefined',
    ],
    [
      { load: (): object => ({ name: 'a', classes: [], model: {}, transform: {} }) },
      'TypeError: Expected a compiled model for what serve.classification load gives model, got an object',
    ],
    [
      { load: (): object => ({}), topp: 2 },
      'RangeError: Expected a known option for serve.classification, got "topp"; did you mean top?',
    ],
  ])('is refused: %o', async (options, message) => {
    const failed = await serve.classification(options as never).catch(String);
    expect(failed).toBe(message);
  });

  it('createServer and plugin want a service', async () => {
    const wanted =
      /TypeError: Expected what serve.classification or serve.reidGallery gives for serve\.\w+, got an object/;
    expect(await serve.createServer({} as never).catch(String)).toMatch(wanted);
    expect(await serve.plugin({} as never).catch(String)).toMatch(wanted);
  });
});
