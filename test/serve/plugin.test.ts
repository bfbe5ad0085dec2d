import multipart from '@fastify/multipart';
import swagger from '@fastify/swagger';
import fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as serve from '../../lib/serve/index.ts';
import { FakeModel, PNG_TYPE, SHIRT, small } from './helpers.ts';

async function appWith(
  options: serve.ServeOptions,
  more: (app: ReturnType<typeof fastify>) => Promise<void>,
) {
  const model = new FakeModel();
  const load = () => ({ name: 'fake', model, transform: small, classes: ['none', 'light', 'dark'] });
  const service = await serve.classification({ load });
  const app = fastify();
  onTestFinished(() => app.close());
  await more(app);
  await app.register(await serve.plugin(service, options), { prefix: '/images' });
  await app.ready();
  return { app, model };
}

describe('the plugin in an app of your own', () => {
  it('answers under its prefix, and leaves the rest of the app as it was', async () => {
    const { app, model } = await appWith({ token: 'sixteen-or-more-letters' }, async (own) => {
      own.get('/', async () => ({ own: true }));
      own.post('/echo', async (request: { body: unknown }) => ({ body: request.body }));
    });
    expect((await app.inject('/')).json()).toEqual({ own: true });
    expect((await app.inject({ url: '/echo', method: 'POST', payload: { a: 1 } })).json()).toEqual({
      body: { a: 1 },
    });
    const image = {
      url: '/images/classify?top=1',
      method: 'POST',
      payload: SHIRT,
      headers: PNG_TYPE,
    } as const;
    expect((await app.inject(image)).statusCode).toBe(401);
    const headers = { ...PNG_TYPE, authorization: 'Bearer sixteen-or-more-letters' };
    expect((await app.inject({ ...image, headers })).json()).toMatchObject({ results: [{ name: 'image' }] });
    // Outside of it images are no known type.
    expect((await app.inject({ ...image, url: '/echo' })).statusCode).toBe(415);
    await app.close();
    expect(model.isClosed).toBe(true);
  });

  it('gets on with forms and descriptions that the app has already', async () => {
    const { app } = await appWith({}, async (own) => {
      await own.register(multipart);
      await own.register(swagger, { openapi: { info: { title: 'own', version: '3' } } });
    });
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(SHIRT)]), 'a.png');
    const request = new Request('http://localhost', { method: 'POST', body: form });
    const answer = await app.inject({
      url: '/images/classify',
      method: 'POST',
      payload: Buffer.from(await request.arrayBuffer()),
      headers: { 'content-type': request.headers.get('content-type') as string },
    });
    expect(answer.json()).toMatchObject({ results: [{ name: 'a.png' }] });
    expect(app.swagger()).toMatchObject({ info: { title: 'own' }, paths: { '/images/classify': {} } });
  });
});
