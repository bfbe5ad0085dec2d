import { request as rawRequest } from 'node:http';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import * as serve from '../../lib/serve/index.ts';
import { loadPackages } from '../../lib/serve/packages.ts';
import { JPEG, json, PATIENT, PNG_TYPE, post, refusal, SHIRT, serveFake } from './helpers.ts';

const form = (count: number, bytes: Buffer = SHIRT) => {
  const made = new FormData();
  for (let i = 0; i < count; i++) made.append('file', new Blob([new Uint8Array(bytes)]), `${i}.png`);
  return made;
};

describe('a request', () => {
  it('of more bytes than are taken is refused, whatever its kind', async () => {
    const { url } = await serveFake({ limits: { bodyBytes: 2000 } });
    const large = Buffer.alloc(3000, 1);
    const text = JSON.stringify({ image: large.toString('base64') });
    for (const [body, headers] of [
      [large, PNG_TYPE],
      [text, json],
      [form(1, large), {}],
    ] as const) {
      expect((await post(`${url}/classify`, body, headers)).status).toBe(413);
    }
    // Without a length beforehand.
    const stream = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new Uint8Array(large));
        controller.close();
      },
    });
    const answer = await fetch(`${url}/classify`, {
      method: 'POST',
      body: stream,
      headers: PNG_TYPE,
      duplex: 'half',
    } as never);
    expect(answer.status).toBe(413);
  });

  it('of more images than are taken is refused', async () => {
    const { url } = await serveFake({ limits: { images: 2 } });
    const images = Array(3).fill(SHIRT.toString('base64'));
    const message =
      '413 ERR_TOO_MANY_IMAGES: Expected at most 2 images in a request, got more; send them in several';
    expect(refusal(await post(`${url}/classify`, JSON.stringify({ images }), json))).toBe(message);
    expect(refusal(await post(`${url}/classify`, form(3), {}))).toBe(message);
    expect((await post(`${url}/classify`, form(2), {})).status).toBe(200);
  });

  it('with an image of too many pixels is refused before it is decoded, JPEG or not', async () => {
    const { url } = await serveFake({ limits: { pixels: 1000 } });
    expect(refusal(await post(`${url}/classify`, JPEG))).toMatch(
      /^413 ERR_IMAGE_TOO_LARGE: image: its \d+x\d+ pixels are more than 1000/,
    );
    const bomb = await sharp({ create: { width: 9000, height: 9000, channels: 3, background: 'white' } })
      .png()
      .toBuffer();
    expect(refusal(await post(`${url}/classify`, bomb))).toMatch(
      /^413 ERR_IMAGE_TOO_LARGE: image: its 9000x9000 pixels/,
    );
    expect((await post(`${url}/classify`, SHIRT)).status).toBe(200);
  });

  it('with a format that is not taken is refused, whatever its type says', async () => {
    const { url } = await serveFake({ limits: { formats: ['PNG'] } });
    expect(refusal(await post(`${url}/classify`, JPEG))).toBe(
      '415 ERR_IMAGE_UNSUPPORTED: Expected PNG for image, got JPEG; convert it',
    );
    expect((await post(`${url}/classify`, SHIRT, { 'content-type': 'image/jpeg' })).status).toBe(200);
  });

  it('of a type that is not taken is refused', async () => {
    const { url } = await serveFake();
    expect(refusal(await post(`${url}/classify`, SHIRT, { 'content-type': 'text/html' }))).toMatch(
      /^415 FST_ERR_CTP/,
    );
  });

  it('beyond the rate of its address is refused until the minute is over', async () => {
    const { url } = await serveFake({ ratePerMinute: 3 });
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push(await post(`${url}/classify`, SHIRT));
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    const last = statuses[3] as (typeof statuses)[0];
    expect(refusal(last)).toMatch(/^429 ERR_RATE: Expected at most 3 requests in a minute/);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});

describe('room', () => {
  it('that is taken refuses what comes beyond with 429 and Retry-After, and comes back', async () => {
    const { url, models } = await serveFake({ maxPending: 2 });
    models[0]?.hold();
    const taken = [post(`${url}/classify`, SHIRT), post(`${url}/classify`, SHIRT)];
    await expect.poll(() => models[0]?.calls, PATIENT).toBe(2);
    const refused = await post(`${url}/classify`, SHIRT);
    expect(refusal(refused)).toBe(
      '429 ERR_OVERLOADED: Expected room for 1 of 2 images, got 2 waiting or under way; try again later',
    );
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    models[0]?.letGo();
    expect((await Promise.all(taken)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await post(`${url}/classify`, SHIRT)).status).toBe(200);
  });

  it('is counted in images: a request of several waits for as much', async () => {
    const { url, models } = await serveFake({ maxPending: 3 });
    expect(refusal(await post(`${url}/classify`, form(4), {}))).toMatch(/^413 ERR_TOO_MANY_IMAGES/);
    models[0]?.hold();
    const first = post(`${url}/classify`, form(2), {});
    await expect.poll(() => models[0]?.calls, PATIENT).toBe(2);
    expect((await post(`${url}/classify`, form(2), {})).status).toBe(429);
    models[0]?.letGo();
    expect((await first).status).toBe(200);
    expect((await post(`${url}/classify`, form(2), {})).status).toBe(200);
  });

  it('comes back from callers who leave, and their work ends', async () => {
    const { url, models } = await serveFake({ maxPending: 1 });
    models[0]?.hold();
    const call = rawRequest(`${url}/classify`, { method: 'POST', headers: PNG_TYPE });
    call.on('error', () => {});
    call.end(SHIRT);
    await expect.poll(() => models[0]?.calls, PATIENT).toBe(1);
    call.destroy();
    models[0]?.letGo();
    await expect.poll(async () => (await post(`${url}/classify`, SHIRT)).status, PATIENT).toBe(200);
  });
});

describe('a deadline', () => {
  it('that passes is told by 504; callers may ask for a shorter one, not for a longer', async () => {
    const { url, models } = await serveFake({ timeoutMs: 200 });
    models[0]?.hold();
    const late = await post(`${url}/classify`, SHIRT, { ...PNG_TYPE, 'x-timeout-ms': '30' });
    expect(refusal(late)).toBe(
      '504 ERR_DEADLINE: Expected an answer within 30 ms, got none; try again, or allow more time',
    );
    expect(refusal(await post(`${url}/classify`, SHIRT, { ...PNG_TYPE, 'x-timeout-ms': '9999999' }))).toMatch(
      /^504 ERR_DEADLINE: Expected an answer within 200 ms/,
    );
    expect(refusal(await post(`${url}/classify`, SHIRT, { ...PNG_TYPE, 'x-timeout-ms': 'soon' }))).toBe(
      '400 ERR_REQUEST: Expected a whole number of milliseconds from 1 for x-timeout-ms, got "soon"',
    );
  });
});

describe('a token', () => {
  const token = 'correct-horse-battery';
  it('is asked for everywhere but at health and readiness', async () => {
    const { url } = await serveFake({ token });
    const bearer = (text: string) => ({ ...PNG_TYPE, authorization: text });
    expect(refusal(await post(`${url}/classify`, SHIRT))).toBe(
      '401 ERR_TOKEN: Expected the server\'s token in the header "authorization: Bearer <token>", got none',
    );
    for (const wrong of ['Bearer correct-horse-batterx', 'Bearer ', `Basic ${token}`, `Bearer ${token}x`]) {
      expect((await post(`${url}/classify`, SHIRT, bearer(wrong))).status).toBe(401);
    }
    expect((await post(`${url}/classify`, SHIRT, bearer(`Bearer ${token}`))).status).toBe(200);
    for (const path of ['/model', '/metrics', '/openapi.json', '/nowhere']) {
      expect((await fetch(url + path)).status).toBe(401);
    }
    for (const path of ['/healthz', '/readyz']) expect((await fetch(url + path)).status).toBe(200);
  });

  it('must be long, and without spaces', async () => {
    for (const bad of ['short', 'with a space in it, but long']) {
      await expect(serveFake({ token: bad })).rejects.toThrow('Expected at least 16 letters');
    }
  });
});

describe('a page of another site', () => {
  it('cannot send requests through a visitor', async () => {
    const { url } = await serveFake();
    const from = (origin: string) => post(`${url}/classify`, SHIRT, { ...PNG_TYPE, origin });
    expect(refusal(await from('https://example.com'))).toMatch(/^403 ERR_ORIGIN/);
    expect(refusal(await from('null'))).toMatch(/^403 ERR_ORIGIN/);
    expect((await from(url)).status).toBe(200);
  });
});

describe('options', () => {
  it.each([
    [
      { maxPending: 0 },
      'RangeError: Expected a whole number from 1 for serve.createServer maxPending, got 0',
    ],
    [{ timeoutMs: '1s' }, 'TypeError: Expected a number for serve.createServer timeoutMs, got "1s"'],
    [
      { limits: { formats: ['BPG'] } },
      'RangeError: Expected formats of JPEG, PNG, WebP, GIF, BMP, PNM, TIFF, AVIF for serve.createServer limits, got "BPG"',
    ],
    [
      { limit: {} },
      'RangeError: Expected a known option for serve.createServer, got "limit"; did you mean limits?',
    ],
  ])('that are wrong are refused: %o', async (options, message) => {
    expect(await serveFake(options as serve.ServeOptions).catch(String)).toBe(message);
  });
});

describe('packages', () => {
  it('that are missing are named with the command that installs them', async () => {
    const load = async (name: string) => {
      if (name === 'prom-client') throw new Error(`Cannot find package '${name}'`);
      return { default: {} };
    };
    const error = await loadPackages(load).catch((failure: Error) => failure);
    expect(error).toBeInstanceOf(serve.ServerPackagesError);
    expect((error as Error).message).toBe(
      'Expected the packages of the server, got no prom-client\nPossible solutions:\n' +
        '- Install them: npm install fastify @fastify/multipart @fastify/rate-limit @fastify/swagger prom-client',
    );
  });
});
