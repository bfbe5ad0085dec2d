import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { equal, hub, type Tensor, tensor } from '../../lib/index.ts';
import { noPythonTorch, runPython } from '../checkpoint/python-torch.ts';
import { runChild, tmp } from '../helpers/index.ts';
import { serve } from '../libtorch/bad-server.ts';
import { hubTest } from './published.ts';

const test = hubTest();

/** A program that loads `url` with the built package and prints the weight. */
const program = (url: string, options = '{}') => `
  const { hub } = await import(dist + '/index.js');
  const loaded = await hub.loadStateDictFromUrl('${url}', ${options});
  console.log(loaded.get('weight').toArray().join(' '));
`;

describe('hub between processes', () => {
  it('two that want the same file fetch it once; the second says that it waits', async () => {
    test.server.handlers.set(`/${test.file.name}`, (request, response, count) => {
      setTimeout(() => serve(test.file.content)(request, response, count), 2500);
    });
    const url = `${test.server.url}/${test.file.name}`;
    const results = await Promise.all([runChild(program(url)), runChild(program(url))]);
    expect(results.map(({ code, stdout }) => [code, stdout])).toEqual([
      [0, '1 2 3\n'],
      [0, '1 2 3\n'],
    ]);
    const errors = results.map(({ stderr }) => stderr).sort();
    expect(errors).toEqual(['', `Another process is fetching ${test.file.name}; waiting for it\n`]);
    expect(test.server.seen).toHaveLength(1);
    expect(readdirSync(test.folder)).toEqual([test.file.name]);
  });

  it('one that is killed leaves no file, and the next one goes on', async () => {
    const half = test.file.content.length >> 1;
    test.server.handlers.set(`/${test.file.name}`, (request, response, count) => {
      if (count > 0) return serve(test.file.content)(request, response, count);
      response.writeHead(200, { 'content-length': test.file.content.length, etag: '"v1"' });
      response.write(test.file.content.subarray(0, half));
    });
    const url = `${test.server.url}/${test.file.name}`;
    const killed = `{ progress: () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100) }`;
    expect((await runChild(program(url, killed))).signal).toBe('SIGKILL');
    expect(existsSync(join(test.folder, test.file.name))).toBe(false);
    const { code, stdout } = await runChild(program(url));
    expect([code, stdout]).toEqual([0, '1 2 3\n']);
    expect(test.server.seen.map(({ range }) => range)).toEqual([undefined, `bytes=${half}-`]);
    expect(readdirSync(test.folder)).toEqual([test.file.name]);
  });

  it('goes through HTTP_PROXY, except to hosts in NO_PROXY', async () => {
    test.server.handlers.set(`http://no-such-host.invalid/${test.file.name}`, serve(test.file.content));
    const source = program(`http://no-such-host.invalid/${test.file.name}`, '{ retries: 0 }');
    const env = (proxy: string, except: string) => {
      return { HTTP_PROXY: proxy, http_proxy: proxy, NO_PROXY: except, no_proxy: except };
    };
    const direct = await runChild(source, { env: env(test.server.url, 'no-such-host.invalid') });
    expect(direct.stderr).toContain('the host name does not resolve\nPossible solutions:');
    const proxied = await runChild(source, { env: env(test.server.url, '') });
    expect([proxied.code, proxied.stdout, proxied.stderr]).toEqual([0, '1 2 3\n', '']);
  });

  it('shows progress of what takes long on standard error, and nothing with progress: false', async () => {
    test.server.handlers.set(`/${test.file.name}`, (_request, response) => {
      response.writeHead(200, { 'content-length': test.file.content.length });
      const half = test.file.content.length >> 1;
      response.write(test.file.content.subarray(0, half));
      setTimeout(() => response.end(test.file.content.subarray(half)), 5300);
    });
    const url = `${test.server.url}/${test.file.name}`;
    const [shown, silent] = await Promise.all([
      runChild(program(url)),
      runChild(program(url, '{ progress: false }'), { env: { TORCH_HOME: tmp() } }),
    ]);
    expect(shown.stderr).toMatch(/^tiny-[0-9a-f]{8}\.pth: 0\.0 of 0\.0 MB, 100 %\n$/);
    expect([silent.code, silent.stderr]).toEqual([0, '']);
  });
});

/** Python with its own `torch.hub`, against the server of this process. */
function python(source: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(pythonPath(), ['-c', source, ...args], { timeout: 60_000 });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('close', (code) => (code === 0 ? resolve(stdout) : reject(new Error(stderr))));
  });
}

const pythonPath = () => runPython('import sys; print(sys.executable)').trim();

describe("torch.hub's cache", () => {
  it.skipIf(noPythonTorch)('has the same test.folder in Python', () => {
    const environments: Record<string, string>[] = [
      { TORCH_HOME: '/somewhere/torch', XDG_CACHE_HOME: '/cache' },
      { TORCH_HOME: '~/torch' },
      { TORCH_HOME: '' },
      { XDG_CACHE_HOME: '/cache' },
      {},
    ];
    const source = `
import json, os, sys, torch.hub
for env in json.loads(sys.argv[1]):
    for name in ['TORCH_HOME', 'XDG_CACHE_HOME']: os.environ.pop(name, None)
    os.environ.update(env)
    print(torch.hub.get_dir())`;
    const here = environments.map((env) => {
      for (const name of ['TORCH_HOME', 'XDG_CACHE_HOME']) vi.stubEnv(name, env[name]);
      return `${hub.getDir()}\n`;
    });
    expect(runPython(source, JSON.stringify(environments))).toBe(here.join(''));
  });

  it.skipIf(noPythonTorch)('gives Python what was downloaded here', async () => {
    test.server.handlers.set(`/${test.file.name}`, serve(test.file.content));
    const url = `${test.server.url}/${test.file.name}`;
    await hub.loadStateDictFromUrl(url, { progress: false });
    const source =
      'import sys, torch.hub; print(torch.hub.load_state_dict_from_url(sys.argv[1], check_hash=True, weights_only=True)["weight"])';
    expect(await python(source, url)).toBe('tensor([1., 2., 3.])\n');
    expect(test.server.seen).toHaveLength(1);
  });

  it.skipIf(noPythonTorch)('has what Python downloaded', async () => {
    const path = join(tmp(), 'python.pth');
    runPython('import sys, torch; torch.save({"weight": torch.arange(3.)}, sys.argv[1])', path);
    const content = readFileSync(path);
    const name = `python-${createHash('sha256').update(content).digest('hex').slice(0, 8)}.pth`;
    test.server.handlers.set(`/${name}`, serve(content));
    const url = `${test.server.url}/${name}`;
    await python(
      'import sys, torch.hub; torch.hub.load_state_dict_from_url(sys.argv[1], check_hash=True, progress=False)',
      url,
    );
    expect(readdirSync(test.folder)).toEqual([name]);
    const loaded = (await hub.loadStateDictFromUrl(url, { progress: false })) as Record<string, Tensor>;
    expect(equal(loaded.weight as Tensor, tensor([0, 1, 2]))).toBe(true);
    expect(test.server.seen).toHaveLength(1);
  });

  it('takes a file that was put there by hand', async () => {
    mkdirSync(test.folder, { recursive: true });
    writeFileSync(join(test.folder, test.file.name), test.file.content);
    await hub.loadStateDictFromUrl(`https://example.invalid/${test.file.name}`);
    expect(test.server.seen).toEqual([]);
  });
});
