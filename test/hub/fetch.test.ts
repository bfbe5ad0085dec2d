import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { equal, getRngState, hub, manualSeed, models, type Tensor, tensor } from '../../lib/index.ts';
import { tmp } from '../helpers/index.ts';
import { cutOff, hangUpAfter, serve } from '../libtorch/bad-server.ts';
import { failure, hubTest, publishSmallModel, SMALL } from './published.ts';

const REPOSITORY = 'XingangPan/IBN-Net';
const test = hubTest();
afterEach(() => {
  vi.useRealTimers();
});

type Options = hub.UrlOptions;
const quiet = { progress: false } as const;

function loadTiny(options: Options = quiet): Promise<Map<string, Tensor>> {
  return hub.loadStateDictFromUrl(`${test.server.url}/${test.file.name}`, options) as Promise<
    Map<string, Tensor>
  >;
}

/** The checkpoint is right and the cache holds its file and nothing else. */
function expectCached(loaded: Map<string, Tensor>): void {
  expect(equal(loaded.get('weight') as Tensor, tensor([1, 2, 3]))).toBe(true);
  expect(readdirSync(test.folder)).toEqual([test.file.name]);
  expect(readFileSync(join(test.folder, test.file.name)).equals(test.file.content)).toBe(true);
}

/** The error without this machine's names. */
function shown(error: Error): string {
  return `${error.name}: ${error.message}`
    .replaceAll(test.server.url, '<server>')
    .replaceAll(test.folder, '<cache>');
}

describe('hub.loadStateDictFromUrl', () => {
  it('fetches a checkpoint once and finds it in the cache later', async () => {
    test.server.handlers.set(`/${test.file.name}`, serve(test.file.content));
    expectCached(await loadTiny());
    expectCached(await loadTiny());
    expect(test.server.seen).toHaveLength(1);
  });

  it('goes on after a cut', async () => {
    test.server.handlers.set(`/${test.file.name}`, cutOff(test.file.content, 1000));
    expectCached(await loadTiny());
    expect(test.server.seen.map(({ range }) => range)).toEqual([undefined, 'bytes=1000-']);
  });

  it('goes on in a later call with what an earlier one left', async () => {
    test.server.handlers.set(`/${test.file.name}`, cutOff(test.file.content, 1000));
    expect((await failure(loadTiny({ ...quiet, retries: 0 }))).code).toBe('ERR_HUB_DOWNLOAD');
    expect(existsSync(join(test.folder, test.file.name))).toBe(false);
    test.server.handlers.set(`/${test.file.name}`, serve(test.file.content));
    expectCached(await loadTiny());
    expect(test.server.seen.map(({ range }) => range)).toEqual([undefined, 'bytes=1000-']);
  });

  it('tries again after a 503', async () => {
    test.server.handlers.set(`/${test.file.name}`, (request, response, count) => {
      if (count < 2) response.writeHead(503).end();
      else serve(test.file.content)(request, response, count);
    });
    expectCached(await loadTiny());
    expect(test.server.seen).toHaveLength(3);
  });

  it('follows a redirect', async () => {
    test.server.handlers.set(`/${test.file.name}`, (_request, response) => {
      response.writeHead(302, { location: `${test.server.url}/elsewhere` }).end();
    });
    test.server.handlers.set('/elsewhere', serve(test.file.content));
    expectCached(await loadTiny());
  });

  it('waits for a slow server', async () => {
    test.server.handlers.set(`/${test.file.name}`, (_request, response) => {
      response.writeHead(200, { 'content-length': test.file.content.length });
      const step = (from: number) => {
        response.write(test.file.content.subarray(from, from + 400));
        if (from + 400 < test.file.content.length) setTimeout(step, 60, from + 400);
        else response.end();
      };
      step(0);
    });
    expectCached(await loadTiny());
  });

  it('reports its progress to a function', async () => {
    test.server.handlers.set(`/${test.file.name}`, serve(test.file.content));
    const steps: unknown[] = [];
    await loadTiny({ progress: (state) => steps.push(state) });
    expect(steps.at(-1)).toEqual({ received: test.file.content.length, total: test.file.content.length });
  });

  it('takes another folder and name', async () => {
    test.server.handlers.set('/download?id=3', serve(test.file.content));
    const modelDir = join(tmp(), 'models');
    const options = { ...quiet, modelDir, fileName: test.file.name };
    await hub.loadStateDictFromUrl(`${test.server.url}/download?id=3`, options);
    expect(readdirSync(modelDir)).toEqual([test.file.name]);
    expect(existsSync(test.folder)).toBe(false);
  });

  it('checks the hash in names with two endings', async () => {
    test.server.handlers.set('/model-0123abcd.pth.tar', serve(test.file.content));
    const error = await failure(hub.loadStateDictFromUrl(`${test.server.url}/model-0123abcd.pth.tar`, quiet));
    expect(shown(error)).toContain('expected sha256 0123abcd, got ');
  });

  it('wants a hash in the file name unless told otherwise', async () => {
    test.server.handlers.set('/plain.pth', serve(test.file.content));
    const error = await failure(hub.loadStateDictFromUrl(`${test.server.url}/plain.pth`, quiet));
    expect(error.code).toBe('ERR_HUB_HASH');
    expect(shown(error)).toMatchInlineSnapshot(
      `"HubError: Expected a file name like model-d9d0bb7b.pth to check its hash, got "plain.pth"; pass { checkHash: false } to take it unchecked, as torch.hub does"`,
    );
    for (let i = 0; i < 2; i++) {
      const options = { ...quiet, checkHash: false };
      expect(await hub.loadStateDictFromUrl(`${test.server.url}/plain.pth`, options)).toBeInstanceOf(Map);
    }
    expect(test.server.seen).toHaveLength(1);
  });

  it.each([
    ['a web page', '<!DOCTYPE html><html><body>Sign in</body></html>', 'the file is a web page'],
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0',
      'the file is a Git LFS pointer',
    ],
    ['nothing', '', 'the file is empty'],
    ['other text', '{"error": "not found"}', 'not a PyTorch checkpoint'],
  ])('keeps no %s in the cache with checkHash: false', async (_, sent, reason) => {
    test.server.handlers.set('/plain.pth', serve(Buffer.from(sent)));
    const url = `${test.server.url}/plain.pth`;
    const error = await failure(hub.loadStateDictFromUrl(url, { ...quiet, checkHash: false }));
    expect(shown(error)).toContain(
      `Could not fetch <server>/plain.pth: the server sent no checkpoint: ${reason}`,
    );
    expect(readdirSync(test.folder)).toEqual([]);
    test.server.handlers.set('/plain.pth', serve(test.file.content, '"v2"'));
    expect(await hub.loadStateDictFromUrl(url, { ...quiet, checkHash: false })).toBeInstanceOf(Map);
  });

  it('fetches anew what an earlier version has kept though it is a web page', async () => {
    mkdirSync(test.folder, { recursive: true });
    writeFileSync(join(test.folder, 'plain.pth'), '<html></html>');
    test.server.handlers.set('/plain.pth', serve(test.file.content));
    const options = { ...quiet, checkHash: false };
    expect(await hub.loadStateDictFromUrl(`${test.server.url}/plain.pth`, options)).toBeInstanceOf(Map);
  });

  it('names a web page that came in the place of a file with a hash', async () => {
    test.server.handlers.set(`/${test.file.name}`, serve(Buffer.from('<html>Sign in</html>')));
    const error = await failure(loadTiny());
    expect(shown(error)).toContain('the server sent no checkpoint: the file is a web page');
    expect(shown(error)).toContain('Open the address in a browser');
  });

  it('refuses an option that nothing reads', async () => {
    const error = await failure(loadTiny({ checkhash: false } as never));
    expect(shown(error)).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for loadStateDictFromUrl, got "checkhash"; did you mean checkHash?"`,
    );
  });

  it('fetches a cached file anew when its hash is wrong', async () => {
    mkdirSync(test.folder, { recursive: true });
    writeFileSync(join(test.folder, test.file.name), 'cut off by something else');
    test.server.handlers.set(`/${test.file.name}`, serve(test.file.content));
    expectCached(await loadTiny());
  });
});

describe('a file never enters the cache', () => {
  async function refused(options: Options = { ...quiet, retries: 1 }): Promise<string> {
    const error = await failure(loadTiny(options));
    expect(error.name).toBe('HubError');
    expect(existsSync(join(test.folder, test.file.name))).toBe(false);
    expect(readdirSync(test.folder).filter((name) => name.endsWith('.lock'))).toEqual([]);
    return shown(error);
  }

  it('with wrong contents of the right length', async () => {
    test.server.handlers.set(`/${test.file.name}`, serve(Buffer.alloc(test.file.content.length)));
    const text = await refused();
    expect(
      text.replace(/[0-9a-f]{64}/, '<got>').replaceAll(test.file.name.slice(5, 13), '<hash>'),
    ).toMatchInlineSnapshot(`
      "HubError: Could not fetch <server>/tiny-<hash>.pth: expected sha256 <hash>, got <got>
      Possible solutions:
      - Put the file there yourself: <cache>/tiny-<hash>.pth
      - Use a mirror of the published files: export IBN_NET_CHECKPOINT_BASE_URL=https://..."
    `);
    expect(readdirSync(test.folder)).toEqual([]);
  });

  it('shorter than announced', async () => {
    test.server.handlers.set(`/${test.file.name}`, (_request, response) => {
      response.writeHead(200, { 'content-length': test.file.content.length + 10 });
      hangUpAfter(response, test.file.content);
    });
    expect(await refused({ ...quiet, retries: 0 })).toMatch(
      /^HubError: Could not fetch .*\nPossible solutions:/,
    );
  });

  it('longer than announced', async () => {
    test.server.handlers.set(`/${test.file.name}`, (_request, response) => {
      response.writeHead(200, { 'content-length': test.file.content.length - 10 });
      response.end(test.file.content);
    });
    expect(await refused({ ...quiet, retries: 0 })).toContain('expected sha256');
  });

  it('cut off without an announced length', async () => {
    test.server.handlers.set(`/${test.file.name}`, (_request, response) => {
      response.writeHead(200);
      hangUpAfter(response, test.file.content.subarray(0, 700));
    });
    await refused({ ...quiet, retries: 0 });
    test.server.handlers.set(`/${test.file.name}`, (_request, response) => {
      response.writeHead(200);
      response.end(test.file.content.subarray(0, 700));
    });
    expect(await refused()).toContain('expected sha256');
  });

  it('from a server that gives up', async () => {
    test.server.handlers.set(`/${test.file.name}`, (_request, response) => response.writeHead(503).end());
    const error = await failure(loadTiny({ ...quiet, retries: 1 }));
    expect([error.code, error.status, error.url]).toEqual([
      'ERR_HUB_DOWNLOAD',
      503,
      `${test.server.url}/${test.file.name}`,
    ]);
    expect(shown(error).replaceAll(test.file.name, '<file>')).toMatchInlineSnapshot(`
      "HubError: Could not fetch <server>/<file>: the server answered 503
      Possible solutions:
      - Put the file there yourself: <cache>/<file>
      - Use a mirror of the published files: export IBN_NET_CHECKPOINT_BASE_URL=https://..."
    `);
    expect(test.server.seen).toHaveLength(2);
  });

  it('from a server that says nothing for 15 seconds', async () => {
    let asked = (): void => {};
    const request = new Promise<void>((resolve) => {
      asked = resolve;
    });
    test.server.handlers.set(`/${test.file.name}`, () => asked());
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const loading = refused();
    await request;
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await loading).toContain('no answer within 15 s');
  });

  it('from a page in place of a file that does not exist', async () => {
    const error = await failure(loadTiny());
    expect([error.code, error.status]).toEqual(['ERR_HUB_DOWNLOAD', 404]);
    expect(test.server.seen).toHaveLength(1);
  });

  it('when the folder cannot be made', async () => {
    const blocked = join(tmp(), 'file');
    writeFileSync(blocked, '');
    const error = await failure(loadTiny({ ...quiet, modelDir: join(blocked, 'models') }));
    expect(error.code).toBe('ERR_HUB_CACHE');
    expect(error.message).toContain('Use another cache: export TORCH_HOME=...');
  });
});

describe('AbortSignal', () => {
  it('stops a download; what has arrived is kept for the next call', async () => {
    test.server.handlers.set(`/${test.file.name}`, (_request, response) => {
      response.writeHead(200, { 'content-length': test.file.content.length, etag: '"v1"' });
      response.write(test.file.content.subarray(0, 1000));
    });
    const controller = new AbortController();
    const progress = () => controller.abort();
    const error = await failure(loadTiny({ progress, signal: controller.signal }));
    expect([error.name, error === controller.signal.reason]).toEqual(['AbortError', true]);
    expect(existsSync(join(test.folder, test.file.name))).toBe(false);
    test.server.handlers.set(`/${test.file.name}`, serve(test.file.content));
    expectCached(await loadTiny());
    expect(test.server.seen.map(({ range }) => range)).toEqual([undefined, 'bytes=1000-']);
  });

  it('bounds the wait for a slow server', async () => {
    test.server.handlers.set(`/${test.file.name}`, () => {});
    const error = await failure(loadTiny({ ...quiet, signal: AbortSignal.timeout(100) }));
    expect(error.name).toBe('TimeoutError');
  });

  it('stops the wait between two tries', async () => {
    test.server.handlers.set(`/${test.file.name}`, (_request, response) => {
      response.writeHead(503, { 'retry-after': '10' }).end();
    });
    const begin = performance.now();
    const error = await failure(loadTiny({ ...quiet, signal: AbortSignal.timeout(300) }));
    expect(error.name).toBe('TimeoutError');
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('that has fired lets nothing begin', async () => {
    const reason = new Error('changed my mind');
    const options = { pretrained: true, signal: AbortSignal.abort(reason) };
    expect(await failure(hub.load(REPOSITORY, 'resnet18_ibn_a', options))).toBe(reason);
    expect(test.server.seen).toEqual([]);
  });
});

describe('offline', () => {
  it.each(['1', 'true', 'YES', 'on'])('IBN_NET_OFFLINE=%s takes what the cache has', async (value) => {
    test.server.handlers.set(`/${test.file.name}`, serve(test.file.content));
    await loadTiny();
    vi.stubEnv('IBN_NET_OFFLINE', value);
    expectCached(await loadTiny());
    expect(test.server.seen).toHaveLength(1);
  });

  it('says which file to put where', async () => {
    vi.stubEnv('IBN_NET_OFFLINE', '1');
    const error = await failure(hub.load(REPOSITORY, 'densenet121_ibn_a', { pretrained: true }));
    expect(error.code).toBe('ERR_HUB_OFFLINE');
    expect(shown(error)).toMatchInlineSnapshot(`
      "HubError: Expected <cache>/densenet121_ibn_a-e4af5cc1.pth for offline use, got no such file
      Possible solutions:
      - Put it there yourself, from https://github.com/XingangPan/IBN-Net/releases/download/v1.0/densenet121_ibn_a-e4af5cc1.pth
      - Allow downloads: unset IBN_NET_OFFLINE, or pass { offline: false }"
    `);
  });

  it('the option comes before the variable', async () => {
    test.server.handlers.set(`/${test.file.name}`, serve(test.file.content));
    expect((await failure(loadTiny({ offline: true }))).code).toBe('ERR_HUB_OFFLINE');
    vi.stubEnv('IBN_NET_OFFLINE', '1');
    expectCached(await loadTiny({ ...quiet, offline: false }));
  });

  it('0 and nothing mean online', async () => {
    test.server.handlers.set(`/${test.file.name}`, serve(test.file.content));
    vi.stubEnv('IBN_NET_OFFLINE', '0');
    expectCached(await loadTiny());
  });

  it('refuses a file that is not what its name says', async () => {
    mkdirSync(test.folder, { recursive: true });
    writeFileSync(join(test.folder, test.file.name), 'cut off');
    const error = await failure(loadTiny({ offline: true }));
    expect(error.code).toBe('ERR_HUB_HASH');
    expect(shown(error)).toContain(`for <cache>/${test.file.name}, got `);
  });
});

describe('hub.load with pretrained: true', () => {
  beforeEach(() => vi.stubEnv('IBN_NET_CHECKPOINT_BASE_URL', `${test.server.url}/mirror`));

  it('fills the model from a mirror through a cut, a 503 and a redirect, draws nothing, and caches the file', async () => {
    const { name, content, model } = publishSmallModel();
    test.server.handlers.set(`/mirror/${name}`, (_request, response, count) => {
      if (count === 0) response.writeHead(503).end();
      else response.writeHead(307, { location: '/elsewhere' }).end();
    });
    test.server.handlers.set('/elsewhere', cutOff(content, 100_000));
    const before = getRngState();
    const loaded = await hub.load(REPOSITORY, 'resnet18_ibn_b', { ...SMALL, ...quiet, pretrained: true });
    expect(equal(getRngState(), before)).toBe(true);
    expect([...loaded.stateDict().keys()]).toEqual([...model.stateDict().keys()]);
    for (const [key, value] of model.stateDict())
      expect(equal(loaded.stateDict().get(key) as Tensor, value), key).toBe(true);
    expect(readdirSync(test.folder)).toEqual([name]);
  });

  it('keeps a new head on request, with its initial numbers', async () => {
    const { name, content, model } = publishSmallModel();
    test.server.handlers.set(`/mirror/${name}`, serve(content));
    const options = { ...SMALL, ...quiet, pretrained: true, numClasses: 7 };
    const error = await failure(hub.load(REPOSITORY, 'resnet18_ibn_b', options));
    expect(error.message).toContain("pass { ignoreMismatched: ['fc.'] }");
    manualSeed(5);
    const head = models.resnet18_ibn_b({ ...SMALL, numClasses: 7 }).fc.weight;
    manualSeed(5);
    const loaded = await hub.load(REPOSITORY, 'resnet18_ibn_b', { ...options, ignoreMismatched: ['fc.'] });
    expect(equal(loaded.fc.weight, head)).toBe(true);
    expect(equal(loaded.conv1.weight, model.conv1.weight)).toBe(true);
  });

  it('keeps a file with the wrong hash out of the cache', async () => {
    test.server.handlers.set('/mirror/resnet18_ibn_a-2f571257.pth', serve(Buffer.from('not the weights')));
    const error = await failure(hub.load(REPOSITORY, 'resnet18_ibn_a', { ...quiet, pretrained: true }));
    expect([error.name, error.code]).toEqual(['HubError', 'ERR_HUB_DOWNLOAD']);
    expect(error.message).toContain('expected sha256 2f571257');
    expect(readdirSync(test.folder)).toEqual([]);
  });

  it('refuses wrong options before it fetches anything', async () => {
    const options = { pretrained: true, numClases: 3 } as never;
    expect((await failure(hub.load(REPOSITORY, 'resnet18_ibn_a', options))).message).toContain('numClasses');
    expect(test.server.seen).toEqual([]);
  });
});

describe('addresses', () => {
  it.each(['weights.pth', 'file:///tmp/weights-0123abcd.pth', 'ftp://host/weights-0123abcd.pth'])(
    '%s is refused',
    async (url) => {
      const error = await failure(hub.loadStateDictFromUrl(url, quiet));
      expect([error.code, error.message.split(',')[0]]).toEqual([
        'ERR_HUB_URL',
        'Expected an http or https URL',
      ]);
    },
  );

  it('without a file name are refused', async () => {
    const error = await failure(hub.loadStateDictFromUrl(`${test.server.url}/`, quiet));
    expect(shown(error)).toMatchInlineSnapshot(
      `"HubError: Expected a URL that ends in a file name, got <server>/; or pass { fileName }"`,
    );
  });

  it('with a password do not show it', async () => {
    const url = `${test.server.url.replace('//', '//user:secret@')}/${test.file.name}`;
    const error = await failure(hub.loadStateDictFromUrl(url, quiet));
    expect(`${error.message} ${error.url}`).not.toContain('secret');
  });
});
