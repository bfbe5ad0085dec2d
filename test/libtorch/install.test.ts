import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateLibtorch } from '../../lib/libtorch/find/locate.ts';
import { wantedVersion } from '../../lib/libtorch/install/install.ts';
import { cutOff, serve } from './bad-server.ts';
import { pin, torchWheel } from './fake-archives.ts';
import { BUILDS, filesIn, NAME, useSetup, WHEEL } from './install-setup.ts';

const ON_SITE = `/whl/cpu/${NAME}`;
const setup = useSetup();

describe('libtorch is fetched from its sources in order', () => {
  it('installs the pinned wheel from the download site, only what is needed', async () => {
    setup.server.handlers.set(ON_SITE, serve(WHEEL));
    const installed = await setup.install();
    const folder = join(setup.cache, 'libtorch', '2.13.0+cpu');
    expect(installed).toMatchObject({ root: join(folder, 'torch'), version: '2.13.0', alreadyThere: false });
    expect(await filesIn(setup.cache)).toEqual(
      [
        'ibn-net.json',
        'torch-2.13.0+cpu.dist-info/METADATA',
        'torch/include/ATen/ATen.h',
        'torch/include/torch/csrc/api/include/torch/torch.h',
        'torch/lib/libc10.so',
        'torch/lib/libgomp.so.1',
        'torch/lib/libtorch.so',
        'torch/lib/libtorch_cpu.so',
        'torch/share/cmake/Torch/TorchConfig.cmake',
        'torch/version.py',
      ].map((name) => `libtorch/2.13.0+cpu/${name}`),
    );
    expect((await stat(folder)).mode & 0o777).toBe(0o777 & ~process.umask());
    const { alreadyThere: _, ...located } = installed;
    expect(locateLibtorch({ env: setup.env })).toEqual(located);
  });

  it('does nothing when it is installed already, unless forced', async () => {
    setup.server.handlers.set(ON_SITE, serve(WHEEL));
    await setup.install();
    expect((await setup.install()).alreadyThere).toBe(true);
    expect(setup.server.seen).toHaveLength(1);
    expect((await setup.install({ force: true })).alreadyThere).toBe(false);
    expect(setup.server.seen).toHaveLength(2);
  });

  it('goes on after the server fails, is cut off and redirects', async () => {
    setup.server.handlers.set(ON_SITE, (_request, response, count) => {
      if (count === 0) response.writeHead(503).end();
      else response.writeHead(302, { location: '/elsewhere' }).end();
    });
    setup.server.handlers.set('/elsewhere', cutOff(WHEEL, WHEEL.length / 2 + 1));
    expect((await setup.install()).version).toBe('2.13.0');
    const ranges = setup.server.seen.filter(({ path }) => path === '/elsewhere').map(({ range }) => range);
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/)]);
  });

  it('asks IBN_NET_LIBTORCH_MIRROR first: a folder, or a URL laid out flat or as the site', async () => {
    const mirror = join(setup.folder, 'mirror');
    await mkdir(mirror);
    await writeFile(join(mirror, NAME), WHEEL);
    await setup.install({ env: { ...setup.env, IBN_NET_LIBTORCH_MIRROR: mirror } });
    setup.server.handlers.set(`/flat/${NAME}`, serve(WHEEL));
    setup.server.handlers.set(`/tree/cpu/${NAME}`, serve(WHEEL));
    for (const base of ['flat', 'tree/']) {
      const env = { ...setup.env, IBN_NET_LIBTORCH_MIRROR: `${setup.server.url}/${base}` };
      await setup.install({ force: true, env });
    }
    expect(setup.server.seen.map(({ path }) => path)).toEqual([
      `/flat/${NAME}`,
      `/tree/${NAME}`,
      `/tree/cpu/${NAME}`,
    ]);
  });

  it('takes from a mirror only files whose contents are known', async () => {
    const mirror = join(setup.folder, 'mirror');
    await mkdir(mirror);
    await writeFile(join(mirror, NAME), torchWheel({ version: '2.13.0+cpu', files: { 'torch/x': 'y' } }));
    const env = { ...setup.env, IBN_NET_LIBTORCH_MIRROR: mirror };
    await setup.failure({ env });
    await setup.failure({ env, version: '2.14.0' });
    const refusals = setup.lines.filter((line) => line.includes('MIRROR'));
    expect(refusals[0]).toMatch(
      /torch-2.13.0\+cpu-cp311-cp311-manylinux_2_28_x86_64.whl: expected sha256 .*, got /,
    );
    expect(refusals[1]).toContain('torch==2.14.0+cpu is not in the table of pinned files');
    expect(await readdir(mirror)).toEqual([NAME]);
  });

  it("takes a version that is not pinned from the site's index page, by the hash stated there", async () => {
    const content = torchWheel({ version: '2.14.0+cpu' });
    const name = 'torch-2.14.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl';
    const { sha256 } = pin(name, content);
    const page = (hash: string) => (_: unknown, response: ServerResponse) => {
      const href = `../../files/${encodeURIComponent(name)}#sha256=${hash}`;
      response.end(`<html><a href="other-1.tar.gz">x</a>\n<a data-y="1" href="${href}">${name}</a></html>`);
    };
    setup.server.handlers.set(`/whl/files/${name}`, serve(content));
    setup.server.handlers.set('/whl/cpu/torch/', page('0'.repeat(64)));
    expect(await setup.failure({ version: '2.14.0' })).toContain(
      `expected sha256 ${'0'.repeat(64)}, got ${sha256}`,
    );
    setup.server.handlers.set('/whl/cpu/torch/', page(sha256));
    expect((await setup.install({ version: '2.14.0' })).version).toBe('2.14.0');
    expect(setup.lines).toContain(`${name} is not in the table of pinned files; its sha256 is ${sha256}`);
  });

  it("takes what pip's index has, a real pip with a folder of wheels", { timeout: 20_000 }, async () => {
    const name = 'torch-2.13.0+cpu-py3-none-any.whl';
    await writeFile(join(setup.links, name), torchWheel({ version: '2.13.0+cpu' }));
    const installed = await setup.install({ env: { ...setup.env, PATH: process.env.PATH } });
    expect(installed).toMatchObject({ version: '2.13.0', flavour: 'cpu', source: 'cache' });
    expect(await readdir(join(setup.cache, 'downloads'))).toEqual([]);
  });

  it('does not take another flavour than the one asked for', async () => {
    const name = 'torch-2.14.1-py3-none-any.whl';
    await writeFile(join(setup.links, name), torchWheel({ version: '2.14.1+cu128', release: '2.14.1' }));
    const message = await setup.failure({ cuda: true });
    expect(message).toContain(`pip's index: ${name}: expected flavour cu130, got cu128`);
    expect(await readdir(join(setup.cache, 'libtorch'))).toEqual([]);
  });

  it('lists every source and the commands that help when none has it, within seconds', async () => {
    const env = { ...setup.env, IBN_NET_LIBTORCH_MIRROR: 'http://no-such-host.invalid/torch' };
    const start = performance.now();
    const message = await setup.failure({ env, site: 'http://site.invalid/whl' });
    expect(performance.now() - start).toBeLessThan(5000);
    expect(message).toMatchInlineSnapshot(`
      "Could not get torch==2.13.0+cpu:
      - IBN_NET_LIBTORCH_MIRROR=http://no-such-host.invalid/torch: the host name does not resolve
      - http://site.invalid/whl: the host name does not resolve
      - pip's index: No matching distribution found for torch==2.13.0+cpu
      Possible solutions:
      - Get the wheel on another machine: python3 -m pip download --no-deps --index-url https://download.pytorch.org/whl/cpu 'torch==2.13.0+cpu'
      - Install from it: npx ibn-net install-libtorch --from FILE
      - Use a proxy: export HTTPS_PROXY=http://proxy:port
      - Use a mirror: export IBN_NET_LIBTORCH_MIRROR=URL_OR_FOLDER"
    `);
  });

  it('leaves nothing behind when it fails, and clears what a killed process left', async () => {
    const cache = join(setup.cache, 'libtorch');
    await mkdir(join(cache, '.installing-2.13.0+cpu-killed', 'torch'), { recursive: true });
    setup.server.handlers.set(ON_SITE, serve(Buffer.alloc(WHEEL.length)));
    await setup.failure();
    expect(await readdir(cache)).toEqual([]);
  });

  it('takes over the lock of a process that died', async () => {
    setup.server.handlers.set(ON_SITE, serve(WHEEL));
    const lock = join(setup.cache, 'libtorch', '2.13.0+cpu.lock');
    await mkdir(lock, { recursive: true });
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(lock, longAgo, longAgo);
    expect((await setup.install()).alreadyThere).toBe(false);
  });

  it('stops on a signal', async () => {
    const controller = new AbortController();
    setup.server.handlers.set(ON_SITE, () => controller.abort());
    expect(await setup.failure({ signal: controller.signal })).toBe(
      `SERVER/whl/cpu/${encodeURIComponent(NAME)}: stopped`,
    );
    expect(await readdir(join(setup.cache, 'libtorch'))).toEqual([]);
  });
});

describe('the version is always explicit', () => {
  it('is 2.13.0+cpu unless asked otherwise', () => {
    expect(wantedVersion({})).toEqual({ version: '2.13.0', flavour: 'cpu' });
    expect(wantedVersion({ cuda: true })).toEqual({ version: '2.14.1', flavour: 'cu130' });
    expect(wantedVersion({ version: '2.12.0' })).toEqual({ version: '2.12.0', flavour: 'cpu' });
    expect(wantedVersion({ version: '2.12.0', cuda: true })).toEqual({ version: '2.12.0', flavour: 'cu130' });
    expect(wantedVersion({ version: '2.12.0+cu128' })).toEqual({ version: '2.12.0', flavour: 'cu128' });
    expect(wantedVersion({ from: 'x.whl' })).toBeUndefined();
  });

  it('must be one that is supported', () => {
    expect(() => wantedVersion({ version: '2.9.0' })).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a version from 2.11 to 2.14 such as 2.13.0+cpu for --version, got "2.9.0"]`,
    );
    expect(() => wantedVersion({ version: 'latest' })).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a version from 2.11 to 2.14 such as 2.13.0+cpu for --version, got "latest"]`,
    );
    expect(() => wantedVersion({ version: '2.13.0+cpu', cuda: true })).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: Expected a CUDA flavour for --version with --cuda, got "2.13.0+cpu"]`,
    );
  });

  it('is pinned for the default', () => {
    expect(BUILDS[0]).toMatchObject(wantedVersion({}) ?? {});
  });
});
