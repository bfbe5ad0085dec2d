import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { proxyFor } from '../../lib/net/proxy.ts';
import { dist, tmp } from '../helpers/files.ts';
import { message } from '../helpers/index.ts';
import { runNode } from './run-node.ts';

const URL_ = 'https://site.invalid/file.bin';

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What a program says that fetches a file in this environment. */
async function fetchIn(env: Record<string, string>, url = URL_): Promise<string> {
  const program = `const { download } = await import(${JSON.stringify(join(dist, 'net/download.js'))});
    await download('${url}', ${JSON.stringify(join(tmp(), 'file'))}).catch((e) => console.log(e.code, e.message));`;
  const { stdout } = await runNode(['--input-type=module', '-e', program], {
    PATH: process.env.PATH,
    ...env,
  });
  return stdout.trim();
}

describe('a proxy variable', () => {
  it.each([
    ['localhost:3128', 'localhost:3128'],
    ['10.0.0.1:3128', '10.0.0.1:3128'],
    ['user:secret@proxy:3128', 'proxy:3128'],
  ])('without a scheme is named: %s', async (value, shown) => {
    expect(await fetchIn({ HTTPS_PROXY: value })).toBe(
      `ERR_DOWNLOAD_PROXY ${URL_}: expected a URL such as http://proxy:3128 in HTTPS_PROXY, got "${shown}"; set it to http://${shown}`,
    );
  });

  it('of another kind is named', () => {
    expect(message(() => proxyFor(URL_, { https_proxy: 'socks5://me:secret@localhost:1080' }))).toBe(
      `DownloadError: ${URL_}: expected a URL such as http://proxy:3128 in https_proxy, got "socks5://localhost:1080"; set it to an http or https proxy`,
    );
  });

  it('whose proxy is dead is named, with the proxy', async () => {
    const port = await deadPort();
    const proxy = `http://me:secret@127.0.0.1:${port}`;
    expect(await fetchIn({ HTTPS_PROXY: proxy })).toBe(
      `ERR_DOWNLOAD_PROXY ${URL_}: no answer through the proxy http://127.0.0.1:${port} (HTTPS_PROXY): the connection was refused`,
    );
    const plain = 'http://site.invalid/file.bin';
    expect(await fetchIn({ http_proxy: 'http://no-such-proxy.invalid:3128' }, plain)).toBe(
      `ERR_DOWNLOAD_PROXY ${plain}: no answer through the proxy http://no-such-proxy.invalid:3128 (http_proxy): the host name does not resolve`,
    );
  });

  it('is not named where NO_PROXY takes the host out', async () => {
    const env = { HTTPS_PROXY: `http://127.0.0.1:${await deadPort()}`, NO_PROXY: 'site.invalid' };
    expect(await fetchIn(env)).toBe(`ERR_DOWNLOAD_UNREACHABLE ${URL_}: the host name does not resolve`);
  });

  it('is chosen as undici chooses it', () => {
    const proxies = { HTTP_PROXY: 'http://a:1', https_proxy: 'http://b:2', HTTPS_PROXY: 'http://c:3' };
    const chosen = (url: string, env: object) => proxyFor(url, { ...proxies, ...env })?.url;
    expect([
      chosen('https://x.org/f', {}),
      chosen('http://x.org/f', {}),
      chosen('https://x.org/f', { NO_PROXY: 'other.org, .x.org' }),
      chosen('https://sub.x.org/f', { NO_PROXY: '*.x.org' }),
      chosen('https://x.org/f', { NO_PROXY: 'x.org:8443' }),
      chosen('https://x.org:8443/f', { NO_PROXY: 'x.org:8443' }),
      chosen('https://x.org/f', { no_proxy: '*' }),
      proxyFor('https://x.org/f', { HTTP_PROXY: 'http://a:1' })?.variable,
      proxyFor('https://x.org/f', { HTTPS_PROXY: '' }),
    ]).toEqual([
      'http://b:2',
      'http://a:1',
      undefined,
      undefined,
      'http://b:2',
      undefined,
      undefined,
      'HTTP_PROXY',
      undefined,
    ]);
  });
});
