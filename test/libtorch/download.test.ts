import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DownloadError, type DownloadOptions, download } from '../../lib/net/download.ts';
import { dist } from '../helpers/files.ts';
import { type BadServer, cutOff, hangUpAfter, serve, startServer } from './bad-server.ts';
import { runNode } from './run-node.ts';

const content = randomBytes(300_000);
const sha256 = createHash('sha256').update(content).digest('hex');

let server: BadServer;
let folder: string;
let target: string;

beforeEach(async () => {
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), 'ibn-download-'));
  target = join(folder, 'file.bin');
});

afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function fetchFile(options: DownloadOptions = {}) {
  return download(`${server.url}/file.bin`, target, { retryDelay: 5, ...options });
}

async function failure(options: DownloadOptions = {}): Promise<DownloadError> {
  const error = await fetchFile(options).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DownloadError);
  return error as DownloadError;
}

async function expectWhole(): Promise<void> {
  expect((await readFile(target)).equals(content)).toBe(true);
  expect(await readdir(folder)).toEqual(['file.bin']);
}

describe('downloads', () => {
  it('fetches a file and tells its progress and hash', async () => {
    server.handlers.set('/file.bin', serve(content));
    const steps: number[] = [];
    const result = await fetchFile({
      onProgress: ({ received, total }) => steps.push(received, total ?? -1),
    });
    expect(result).toEqual({ path: target, sha256, cached: false });
    expect(steps.slice(-2)).toEqual([content.length, content.length]);
    await expectWhole();
  });

  it('keeps a destination that has the hash, without a request', async () => {
    await writeFile(target, content);
    expect(await fetchFile({ sha256Prefix: sha256.slice(0, 8) })).toEqual({
      path: target,
      sha256,
      cached: true,
    });
    expect(server.seen).toEqual([]);
  });

  it('goes on where a connection was cut off', async () => {
    server.handlers.set('/file.bin', cutOff(content, 100_000));
    await fetchFile({ sha256 });
    expect(server.seen.map(({ range }) => range)).toEqual([undefined, 'bytes=100000-', 'bytes=200000-']);
    await expectWhole();
  });

  it('goes on in a later call with what an earlier one left', async () => {
    server.handlers.set('/file.bin', cutOff(content, 100_000));
    expect((await failure({ retries: 0 })).code).toBe('ERR_DOWNLOAD_INTERRUPTED');
    expect(await readdir(folder)).toEqual(['file.bin.part', 'file.bin.part.json']);
    server.handlers.set('/file.bin', serve(content));
    await fetchFile({ sha256 });
    expect(server.seen.map(({ range }) => range)).toEqual([undefined, 'bytes=100000-']);
    await expectWhole();
  });

  it('starts again when the file changed on the server', async () => {
    server.handlers.set('/file.bin', cutOff(randomBytes(300_000), 100_000, '"old"'));
    await failure({ retries: 0 });
    server.handlers.set('/file.bin', serve(content, '"new"'));
    await fetchFile({ sha256 });
    await expectWhole();
  });

  it('starts again when the server cannot resume', async () => {
    server.handlers.set('/file.bin', (_request, response, count) => {
      response.writeHead(200, { 'content-length': content.length, etag: '"v1"' });
      if (count > 0) response.end(content);
      else hangUpAfter(response, content.subarray(0, 100_000));
    });
    await fetchFile({ sha256 });
    await expectWhole();
  });

  it('gives up on a server that cuts off every time at the same place', async () => {
    server.handlers.set('/file.bin', (_request, response) => {
      response.writeHead(200, { 'content-length': content.length });
      hangUpAfter(response, content.subarray(0, 1000));
    });
    const error = await failure({ retries: 2 });
    expect(error.code).toBe('ERR_DOWNLOAD_INTERRUPTED');
    expect(server.seen.length).toBeLessThanOrEqual(6);
  });

  it('tries again after a 503', async () => {
    server.handlers.set('/file.bin', (request, response, count) => {
      if (count < 2) response.writeHead(503).end();
      else serve(content)(request, response, count);
    });
    await fetchFile({ sha256 });
    expect(server.seen).toHaveLength(3);
    await expectWhole();
  });

  it('does not repeat a 404', async () => {
    const error = await failure();
    expect(error).toMatchObject({ code: 'ERR_DOWNLOAD_STATUS', status: 404, url: `${server.url}/file.bin` });
    expect(error.message).toBe(`${server.url}/file.bin: the server answered 404`);
    expect(server.seen).toHaveLength(1);
  });

  it('follows a redirect', async () => {
    server.handlers.set('/file.bin', (_request, response) => {
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    server.handlers.set('/elsewhere', serve(content));
    await fetchFile({ sha256 });
    await expectWhole();
  });

  it('waits for a slow server', async () => {
    server.handlers.set('/file.bin', (_request, response) => {
      response.writeHead(200, { 'content-length': content.length });
      const step = (from: number) => {
        response.write(content.subarray(from, from + 60_000));
        if (from + 60_000 < content.length) setTimeout(step, 30, from + 60_000);
        else response.end();
      };
      step(0);
    });
    await fetchFile({ sha256 });
    await expectWhole();
  });

  it('never lets wrong contents become the destination', async () => {
    server.handlers.set('/file.bin', serve(Buffer.alloc(content.length)));
    const error = await failure({ sha256 });
    const got = createHash('sha256').update(Buffer.alloc(content.length)).digest('hex');
    expect(error.code).toBe('ERR_DOWNLOAD_HASH');
    expect(error.message).toBe(`${server.url}/file.bin: expected sha256 ${sha256}, got ${got}`);
    expect(await readdir(folder)).toEqual([]);
  });

  it('fetches once more from the start when a resumed file has the wrong hash', async () => {
    server.handlers.set('/file.bin', cutOff(Buffer.alloc(content.length), 100_000));
    await failure({ retries: 0 });
    server.handlers.set('/file.bin', serve(content));
    await fetchFile({ sha256 });
    expect(server.seen.map(({ range }) => range)).toEqual([undefined, 'bytes=100000-', undefined]);
    await expectWhole();
  });

  it('refuses a file of the wrong length before fetching it', async () => {
    server.handlers.set('/file.bin', serve(content));
    const error = await failure({ size: 7 });
    expect(error.code).toBe('ERR_DOWNLOAD_SIZE');
    expect(error.message).toBe(`${server.url}/file.bin: expected 7 bytes, the server has 300000`);
    expect(await readdir(folder)).toEqual([]);
  });

  it('stops on a signal and keeps the part', async () => {
    server.handlers.set('/file.bin', (_request, response) => {
      response.writeHead(200, { 'content-length': content.length, etag: '"v1"' });
      response.write(content.subarray(0, 1000));
    });
    const controller = new AbortController();
    const error = await failure({ signal: controller.signal, onProgress: () => controller.abort() });
    expect(error.code).toBe('ERR_DOWNLOAD_ABORTED');
    expect(await readdir(folder)).toContain('file.bin.part');
  });

  it('fails at once when nothing listens, without a password in the message', async () => {
    const { port } = new URL(server.url);
    await server.close();
    const start = performance.now();
    const error = await download(`http://user:secret@127.0.0.1:${port}/x`, target).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'ERR_DOWNLOAD_UNREACHABLE' });
    expect((error as Error).message).toBe(`http://127.0.0.1:${port}/x: the connection was refused`);
    expect(performance.now() - start).toBeLessThan(2000);
    server = await startServer();
  });

  it('lets the second of two downloads of one file take the first one', async () => {
    server.handlers.set('/file.bin', (request, response, count) => {
      setTimeout(() => serve(content)(request, response, count), 300);
    });
    const results = await Promise.all([fetchFile({ sha256 }), fetchFile({ sha256 })]);
    expect(results.map(({ cached }) => cached).sort()).toEqual([false, true]);
    expect(server.seen).toHaveLength(1);
    await expectWhole();
  });

  it('sends requests through HTTP_PROXY, except to hosts in NO_PROXY', async () => {
    const proxy = await startServer();
    proxy.handlers.set('http://no-such-host.invalid/file.bin', serve(content));
    const program = `const { download } = await import(${JSON.stringify(join(dist, 'net/download.js'))});
      await download('http://no-such-host.invalid/file.bin', ${JSON.stringify(target)}, { retries: 0 });`;
    const env = { PATH: process.env.PATH, HTTP_PROXY: proxy.url };
    const args = ['--input-type=module', '-e', program];
    const direct = await runNode(args, { ...env, NO_PROXY: 'no-such-host.invalid' });
    const proxied = await runNode(args, env);
    await proxy.close();
    expect(direct.stderr).toContain('http://no-such-host.invalid/file.bin: the host name does not resolve');
    expect(proxied).toMatchObject({ status: 0, stderr: '' });
    await expectWhole();
  });
});
