// Requests that no server should answer with 200, as bytes of a connection: damaged images, base64, JSON, forms, headers and
// HTTP itself. Seeded: the same number gives the same request.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../harness.mjs';

const JPEG = readFileSync(join(root, 'test/fixtures/images/modes/422.jpg'));
const PNG = readFileSync(join(root, 'assets/images/4-shirt.png'));

/** mulberry32. */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const bytesOf = (random, length) => Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
const whole = (random, below) => Math.floor(random() * below);

/** A request for /classify; `headers` may say anything. */
function http(body, headers, { method = 'POST', path = '/classify', version = 'HTTP/1.1' } = {}) {
  const lines = Object.entries({
    host: 'localhost',
    connection: 'close',
    'content-length': body.length,
    ...headers,
  });
  const head = `${method} ${path} ${version}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

const json = (text) => http(Buffer.from(text), { 'content-type': 'application/json' });

function form(parts, { boundary = 'xYzZy', end = true } = {}) {
  const body = Buffer.concat([
    ...parts.flatMap(({ head, bytes }) => [
      Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`),
      bytes,
      Buffer.from('\r\n'),
    ]),
    Buffer.from(end ? `--${boundary}--\r\n` : ''),
  ]);
  return http(body, { 'content-type': `multipart/form-data; boundary=${boundary}` });
}

const file = (bytes) => ({ head: 'content-disposition: form-data; name="file"; filename="a.jpg"', bytes });
const field = (name, text) => ({
  head: `content-disposition: form-data; name="${name}"`,
  bytes: Buffer.from(text),
});

// Without the middle of a file its decoder cannot be content; a flipped bit it may not even see.
const cut = (random, bytes) => bytes.subarray(0, 20 + whole(random, bytes.length >> 2));

const KINDS = {
  'cut JPEG': (random) => http(cut(random, JPEG), { 'content-type': 'image/jpeg' }),
  'cut PNG': (random) => http(cut(random, PNG), { 'content-type': 'image/png' }),
  noise: (random) => http(bytesOf(random, 1 + whole(random, 3000)), { 'content-type': 'image/png' }),
  'noise behind a JPEG header': (random) =>
    http(Buffer.concat([JPEG.subarray(0, 3), bytesOf(random, whole(random, 2000))]), {
      'content-type': 'image/jpeg',
    }),
  empty: () => http(Buffer.alloc(0), { 'content-type': 'image/png' }),
  'no type': (random) => http(bytesOf(random, 50), {}),
  'another type': (random) =>
    http(bytesOf(random, 50), { 'content-type': ['text/plain', 'x', 'image', '/'][whole(random, 4)] }),
  'no JSON': (random) =>
    json(['{', '{"image":', '{"image":"AA"}}', 'nul', '', '{"a":1,}', '\0'][whole(random, 7)]),
  'JSON of another shape': (random) =>
    json(
      [
        '[]',
        '3',
        'null',
        '"x"',
        '{}',
        '{"image":null}',
        '{"image":[]}',
        '{"images":"x"}',
        '{"images":[]}',
        '{"images":[1]}',
        '{"image":"","images":[]}',
      ][whole(random, 11)],
    ),
  'no base64': (random) => json(JSON.stringify({ image: `${'A'.repeat(whole(random, 99))}*${random()}` })),
  'base64 of noise': (random) => json(JSON.stringify({ image: bytesOf(random, 40).toString('base64') })),
  'unknown field': (random) =>
    json(JSON.stringify({ image: PNG.toString('base64'), [`f${whole(random, 1e6)}`]: 1 })),
  'a field of another kind': (random) =>
    json(
      JSON.stringify({
        image: PNG.toString('base64'),
        top: ['x', -1, 0, 1.5, {}, [1, 2], 1e9][whole(random, 7)],
      }),
    ),
  'names of prototypes': () => json('{"__proto__":{"top":1},"image":"AA=="}'),
  'deep JSON': (random) => json(`${'['.repeat(1 + whole(random, 5000))}`),
  'a form cut off': (random) => form([file(JPEG.subarray(0, 50 + whole(random, 300)))], { end: false }),
  'a form without a boundary': () => http(Buffer.from('x'), { 'content-type': 'multipart/form-data' }),
  'a form of another boundary': () =>
    http(Buffer.from('--other\r\n\r\n--other--'), { 'content-type': 'multipart/form-data; boundary=this' }),
  'a form without a file': (random) => form([field('top', String(1 + whole(random, 5)))]),
  'a form of noise': (random) => form([file(bytesOf(random, whole(random, 500)))]),
  'a form with an unknown field': () => form([field('topp', '1'), file(PNG)]),
  'too many files': () => form(Array.from({ length: 20 }, () => file(PNG))),
  'another path': (random) =>
    http(PNG, { 'content-type': 'image/png' }, { path: `/${whole(random, 1e9)}%2e%2e/../x` }),
  'a path that is none': () => http(PNG, { 'content-type': 'image/png' }, { path: '/%zz' }),
  'another method': (random) =>
    http(Buffer.alloc(0), {}, { method: ['PUT', 'DELETE', 'PATCH'][whole(random, 3)] }),
  'no method': (random) => http(Buffer.alloc(0), {}, { method: `X${whole(random, 1e6)}` }),
  'no HTTP': (random) => Buffer.concat([bytesOf(random, 5 + whole(random, 200)), Buffer.from('\r\n\r\n')]),
  'no version': () => http(PNG, {}, { version: 'HTTP/9.9' }),
  'a huge length': () => http(Buffer.from('x'), { 'content-type': 'image/png', 'content-length': 1e12 }),
  'a length that is none': () =>
    http(Buffer.from('x'), { 'content-type': 'image/png', 'content-length': 'abc' }),
  'both lengths': () => http(PNG, { 'content-type': 'image/png', 'transfer-encoding': 'chunked' }),
  'bad chunks': () => {
    const head =
      'POST /classify HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n';
    return Buffer.from(`${head}zz\r\nabc\r\n0\r\n\r\n`);
  },
  'huge headers': (random) =>
    http(PNG, { 'content-type': 'image/png', x: 'y'.repeat(20_000 + whole(random, 9999)) }),
  'a bad deadline': (random) =>
    http(PNG, {
      'content-type': 'image/png',
      'x-timeout-ms': ['', 'x', '-1', '0', '1.5'][whole(random, 5)] || 'NaN',
    }),
};

/** Requests from number `from`, each with its kind. */
export function* malformedRequests(from, count) {
  const kinds = Object.entries(KINDS);
  for (let i = from; i < from + count; i++) {
    const [name, make] = kinds[i % kinds.length];
    yield { name, bytes: make(randomOf(i)) };
  }
}
