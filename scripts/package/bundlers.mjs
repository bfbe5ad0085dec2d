// Packs the package and gives it to webpack and Next.js, from npm, which are too large for a test: what docs/bundlers.md
// says of them. esbuild and vite have a test, test/libtorch/bundlers.test.ts.
//   node scripts/package/bundlers.mjs [--reuse] [--only webpack|next] [--tarball FILE]
// --reuse: no compiling first; --tarball: a package that is packed already.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { npm, pack, run } from './consumer.mjs';

const { values } = parseArgs({
  options: { reuse: { type: 'boolean' }, only: { type: 'string' }, tarball: { type: 'string' } },
});
const PROGRAM = "import { tensor } from 'ibn-net';\nconsole.log(tensor([1, 2]).add(1).toArray());\n";
const PRINTED = '[ 2, 3 ]\n';
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };

const folder = mkdtempSync(join(tmpdir(), 'ibn-bundlers-'));
try {
  const tarball = values.tarball ? resolve(values.tarball) : pack(folder, { reuse: values.reuse ?? false });
  if (values.only !== 'next') tryWebpack(project('webpack', [tarball, 'webpack@5']));
  if (values.only !== 'webpack') {
    const types = ['typescript@5.9', '@types/node', '@types/react'];
    await tryNext(project('next', [tarball, 'next@latest', 'react', 'react-dom', ...types]));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function project(name, packages) {
  const place = join(folder, name);
  mkdirSync(place);
  writeFileSync(join(place, 'package.json'), '{ "name": "app", "version": "3.2.1", "type": "module" }');
  npm(['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages], { cwd: place });
  return place;
}

function write(place, files) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(place, name)), { recursive: true });
    writeFileSync(join(place, name), text);
  }
}

function expectIn(name, text, expected) {
  if (!text.includes(expected)) throw new Error(`${name}: expected ${expected} in\n${text}`);
  console.log(`${name}: ${expected.trim()}`);
}

/** A script's output, or the errors it ended with. */
function outcome(args, options) {
  try {
    return run(process.execPath, args, options);
  } catch (error) {
    return error.message;
  }
}

function tryWebpack(place) {
  const bundle = (name, settings) => {
    const config = { mode: 'development', target: 'node', context: place, entry: './main.js', ...settings };
    const output = { path: place, filename: name, ...settings.output };
    const program = `import webpack from 'webpack';
      webpack(${JSON.stringify({ ...config, output })}, (error) => { if (error) throw error; });`;
    write(place, { 'main.js': PROGRAM, 'build.mjs': program });
    run(process.execPath, ['build.mjs'], { cwd: place });
    return outcome([join(place, name)], { cwd: place });
  };
  expectIn('webpack, CommonJS', bundle('out.cjs', { externals: { 'ibn-net': 'commonjs ibn-net' } }), PRINTED);
  const module = { experiments: { outputModule: true }, output: { module: true, chunkFormat: 'module' } };
  expectIn(
    'webpack, ES module',
    bundle('out.mjs', { ...module, externals: { 'ibn-net': 'module ibn-net' } }),
    PRINTED,
  );
  expectIn('webpack, taken in', bundle('in.cjs', {}), "code: 'ERR_BUNDLED'");
}

async function tryNext(place) {
  write(place, {
    'app/layout.tsx':
      'export default function Layout({ children }: { children: React.ReactNode }) { return <html><body>{children}</body></html>; }',
    'app/page.tsx': `import { tensor } from 'ibn-net';
      export const dynamic = 'force-dynamic';
      export default function Page() { return <p>{String(tensor([1, 2]).add(1))}</p>; }`,
    'app/sum/route.ts': `import { tensor } from 'ibn-net';
      export async function GET() { return Response.json(tensor([1, 2]).add(1).toArray()); }`,
  });
  const standalone = {
    output: 'standalone',
    outputFileTracingIncludes: { '/**': ['./node_modules/ibn-net/**'] },
  };
  const built = (config, ...flags) => {
    rmSync(join(place, '.next'), { recursive: true, force: true });
    writeFileSync(join(place, 'next.config.mjs'), `export default ${JSON.stringify(config)};`);
    return outcome([join(place, 'node_modules/next/dist/bin/next'), 'build', ...flags], { cwd: place, env });
  };
  const external = { serverExternalPackages: ['ibn-net'] };
  const next = [join(place, 'node_modules/next/dist/bin/next'), 'start'];
  for (const flag of ['--turbopack', '--webpack']) {
    built(external, flag);
    await tryServer(`Next.js ${flag}`, place, next);
  }
  // webpack's bundle runs, as long as the package stays where it lay.
  expectIn('Next.js --turbopack, taken in', built({}, '--turbopack'), 'ERR_BUNDLED');
  built({ ...external, ...standalone });
  await tryServer('Next.js, standalone', join(place, '.next/standalone'), ['server.js']);
}

async function tryServer(name, cwd, args) {
  const port = await freePort();
  const child = spawn(process.execPath, args, { cwd, env: { ...env, PORT: String(port) }, stdio: 'inherit' });
  try {
    expectIn(`${name}, route`, await ask(`http://localhost:${port}/sum`), '[2,3]');
    expectIn(`${name}, page`, await ask(`http://localhost:${port}/`), 'tensor([2., 3.])');
  } finally {
    child.kill();
    await once(child, 'exit');
  }
}

async function ask(url) {
  for (let tries = 0; tries < 60; tries++) {
    try {
      return await (await fetch(url)).text();
    } catch {
      await setTimeout(500);
    }
  }
  throw new Error(`Expected an answer of ${url}, got none in 30 seconds`);
}

async function freePort() {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
