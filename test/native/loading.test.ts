import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { dist, runChild, tmp } from '../helpers/index.ts';

const url = pathToFileURL(dist).href;

describe('loading the native module', () => {
  it('happens once for two copies of the package, whose tensors do not mix', async () => {
    const folder = tmp();
    // Beside a node_modules of its own: the same native module through another path.
    const copy = join(folder, 'dist');
    cpSync(dist, copy, { recursive: true });
    cpSync(join(dist, '..', 'package.json'), join(folder, 'package.json'));
    const { code, stdout, stderr } = await runChild(
      `
      const other = await import('${pathToFileURL(copy).href}/tensor/index.js');
      const [a, b] = [ibn.ones([2]), other.ones([2])];
      console.log(a.add(1).sum().item(), b.add(1).sum().item());
      for (const call of [() => a.add(b), () => b.add(a), () => ibn.Tensor.prototype.dim.call(b)]) {
        try { call(); console.log('mixed'); } catch (error) { console.log(error.name); }
      }`,
      {
        env: { IBN_NET_BINDING_DIR: process.env.IBN_NET_BINDING_DIR ?? join(dist, '..', 'build', 'Release') },
      },
    );
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '4 4\nTypeError\nTypeError\nTypeError\n',
      stderr: '',
    });
  });

  it('works through require() as well as import', async () => {
    const { code, stdout, stderr } = await runChild(
      `
      import { createRequire } from 'node:module';
      const required = createRequire(import.meta.url)('${new URL(`${url}/tensor/index.js`).pathname}');
      console.log(required.Tensor === ibn.Tensor, required.ones([2]).sum().item());`,
      { nodeArgs: ['--no-warnings'] },
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'true 2\n', stderr: '' });
  });

  it('a query string makes a second JavaScript copy over the same library', async () => {
    const { code, stdout } = await runChild(`
      const binding = await import(dist + '/binding.js?again');
      const loaded = binding.loadBinding();
      console.log(loaded.binding.listOps().length === ibn.listOps().length);`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'true\n' });
  });

  const load = `
    try {
      const { loadBinding } = await import(dist + '/binding.js');
      loadBinding();
    } catch (error) { console.log(error.name, error.code); console.log(error.message); }`;
  const child = (env: NodeJS.ProcessEnv) => runChild(load, { env, layer: false });

  it('a missing native module lists what was tried and what helps', async () => {
    const folder = tmp();
    const { code, stdout } = await child({ IBN_NET_BINDING_DIR: folder });
    expect(code).toBe(0);
    const version = /libtorch (\S+):/.exec(stdout)?.[1] as string;
    // Which minors come prebuilt depends on what was prebuilt here.
    const message = stdout.replace(/^- Use libtorch .* prebuilt: .*\n/m, '');
    expect(message.replaceAll(folder, 'DIR').replaceAll(version, 'VERSION')).toMatchInlineSnapshot(`
      "LibtorchError ERR_NATIVE_MODULE_NOT_FOUND
      Could not load the native module for linux-x64 and libtorch VERSION:
      - DIR/ibn_net.node: no such file
      Possible solutions:
      - Compile the native module for it here: npx ibn-net build
      "
    `);
  });

  it('a library that is none is refused with the reason', async () => {
    const folder = tmp();
    mkdirSync(folder, { recursive: true });
    const release = join(dist, '..', 'build', 'Release');
    cpSync(join(release, 'ibn_net.node'), join(folder, 'ibn_net.node'));
    const minor = (
      await runChild(`
      const { loadBinding } = await import(dist + '/binding.js');
      console.log(loadBinding().libtorch.version.split('.').slice(0, 2).join('.'));`)
    ).stdout.trim();
    cpSync(join(dist, 'binding.js'), join(folder, `binding-${minor}.so`));
    const { stdout } = await child({ IBN_NET_BINDING_DIR: folder });
    expect(stdout).toContain('LibtorchError ERR_NATIVE_MODULE_LOAD');
    expect(stdout).toContain('invalid ELF header');
    expect(stdout).toContain('npx ibn-net build');
  });

  it('a missing libtorch says how to get one', async () => {
    const { stdout } = await child({ LIBTORCH: join(tmp(), 'none') });
    expect(stdout).toMatch(/^LibtorchError ERR_/);
    expect(stdout).toContain('install-libtorch');
  });
});
