import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, freemem } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { cacheFolder, type Environment } from '../../cache.ts';
import { withLock } from '../../net/lock.ts';
import { diedProblem, refusedProblem } from '../load/load-problems.ts';
import type { Libtorch } from '../find/locate.ts';
import { bindingName, builtFolder, librariesOf, minorOf } from '../find/native-module.ts';
import { isClone, packageRoot } from '../find/package-root.ts';
import { SHIM } from '../find/platform.ts';
import { problemError } from '../../problem.ts';
import { readSystem, type System } from '../load/system.ts';
import { toolchainProblem } from './toolchain.ts';
import { tryLoading } from '../load/trial.ts';
import { writeProblem } from '../install/writable.ts';

/** How the native module is compiled. */
export interface CompileOptions {
  libtorch: Libtorch;
  /** The folder to compile in; the result is in its `Release`. Default `build` in a clone, else a temporary one. */
  out?: string | undefined;
  /** Compiler processes at once. Default: the processors, one for each 1.5 GB of free memory. */
  jobs?: number | undefined;
  /** Also compile the libraries for CUDA, with nvcc. Default false: the prebuilt kernels fit every libtorch. */
  cuda?: boolean | undefined;
  /** Settings of CMake, `NAME=VALUE`. */
  define?: readonly string[] | undefined;
  env?: Environment;
  system?: System;
  log?: (line: string) => void;
}

/** What was compiled. */
export interface Compiled {
  folder: string;
  /** How long it took to load in a process of its own. */
  milliseconds: number | undefined;
}

const LIBRARY = /\.(node|so|dylib|dll)$/;
const BYTES_PER_JOB = 1.5e9;

/**
 * Compiles the shim and the binding for a libtorch with cmake-js, tries them in a process of its own, and puts them
 * where the loader looks: `build/Release` in a clone, else the cache folder, which survives a reinstallation.
 *
 * @throws LibtorchError `ERR_TOOLCHAIN` with what is missing, `ERR_COMPILE`, `ERR_CACHE_WRITE`, or what loading gave.
 */
export async function compileNative(options: CompileOptions): Promise<Compiled> {
  const { env = process.env, system = readSystem() } = options;
  requireTools(options, system, env);
  const out = options.out ? resolve(options.out) : isClone() ? join(packageRoot, 'build') : undefined;
  if (out !== undefined) return compileIn(out, options);
  try {
    return await compileInCache(builtFolder({ env }), options);
  } catch (error) {
    const problem = writeProblem(error, cacheFolder(env), 'npx ibn-net build');
    throw problem ? problemError(problem, error) : error;
  }
}

function requireTools({ libtorch, cuda }: CompileOptions, system: System, env: Environment): void {
  const problem = toolchainProblem(system, env, { cuda });
  if (problem) throw problemError(problem);
  if (existsSync(join(libtorch.root, 'include', 'ATen', 'ATen.h'))) return;
  throw problemError({
    code: 'ERR_TOOLCHAIN',
    headline: `Expected the headers of libtorch ${libtorch.version} in ${libtorch.root}/include, got none`,
    solutions: [`Install it with its headers: npx ibn-net install-libtorch --version ${libtorch.version}`],
  });
}

async function compileIn(out: string, options: CompileOptions): Promise<Compiled> {
  await runCmakeJs(out, options);
  const folder = join(out, 'Release');
  return { folder, milliseconds: tryCompiled(folder, options) };
}

async function compileInCache(folder: string, options: CompileOptions): Promise<Compiled> {
  const onWait = () => options.log?.('Another process is compiling the native module; waiting for it');
  return withLock(
    folder,
    async () => {
      const prefix = join(dirname(folder), `.compiling-${basename(folder)}-`);
      await removeLeft(prefix);
      const out = await mkdtemp(prefix);
      try {
        const { milliseconds } = await compileIn(out, options);
        await moveLibraries(join(out, 'Release'), folder);
        return { folder, milliseconds };
      } finally {
        await rm(out, { recursive: true, force: true });
      }
    },
    { onWait },
  );
}

/** Removes what a process that was stopped left. */
async function removeLeft(prefix: string): Promise<void> {
  for (const name of await readdir(dirname(prefix))) {
    const path = join(dirname(prefix), name);
    if (path.startsWith(prefix)) await rm(path, { recursive: true, force: true });
  }
}

/** Each file appears whole; a process that has the old one open keeps it. */
async function moveLibraries(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of (await readdir(from)).filter((file) => LIBRARY.test(file))) {
    const partial = join(to, `.${name}.new`);
    await copyFile(join(from, name), partial);
    await rename(partial, join(to, name));
  }
}

function tryCompiled(
  folder: string,
  { libtorch, define = [], ...options }: CompileOptions,
): number | undefined {
  // The sanitizer's library has to be the first of a process.
  if (define.includes('IBN_SANITIZE=ON')) return undefined;
  const binding = join(folder, bindingName(libtorch.version));
  const trial = tryLoading({ shim: join(folder, SHIM), libraries: librariesOf(libtorch), binding });
  const facts = { libtorch, binding, system: options.system ?? readSystem() };
  if (trial.kind === 'refused') throw problemError(refusedProblem(facts, trial.reason));
  if (trial.kind === 'died') throw problemError(diedProblem(facts, trial));
  return trial.kind === 'loaded' ? trial.milliseconds : undefined;
}

async function runCmakeJs(out: string, options: CompileOptions): Promise<void> {
  const cmakeJs = resolveCmakeJs();
  const settings = Object.entries(settingsOf(options)).map(([name, value]) => `--CD${name}=${value}`);
  const common = ['--directory', packageRoot, '--out', out, ...settings];
  // Its `compile` would keep the settings of an earlier run, and compile all again after an error.
  await configure(out, [cmakeJs, 'configure', ...common], options);
  await run([cmakeJs, 'build', ...common, '--parallel', String(options.jobs ?? defaultJobs())], options);
}

/** Once more from the beginning where an earlier run with other tools left a cache that does not fit. */
async function configure(out: string, args: string[], options: CompileOptions): Promise<void> {
  const stale = [join(out, 'CMakeCache.txt'), join(out, 'CMakeFiles')].filter((path) => existsSync(path));
  try {
    await run(args, options);
  } catch (error) {
    if (stale.length === 0) throw error;
    for (const path of stale) await rm(path, { recursive: true });
    await run(args, options);
  }
}

/** CMake's settings; those that a person gave come last. */
function settingsOf({ libtorch, cuda, define = [] }: CompileOptions): Record<string, string> {
  const given = define.map((setting) => /^([^=]+)=(.*)$/s.exec(setting)?.slice(1) ?? []);
  return {
    TORCH_ROOT: libtorch.root,
    TORCH_MINOR: minorOf(libtorch.version),
    IBN_SANITIZE: 'OFF',
    IBN_CUDA: cuda ? 'ON' : 'OFF',
    CMAKE_PROJECT_ibn_net_INCLUDE: join(packageRoot, 'native', 'portable.cmake'),
    ...Object.fromEntries(given),
  };
}

function defaultJobs(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / BYTES_PER_JOB)));
}

function resolveCmakeJs(): string {
  const { resolve } = createRequire(join(packageRoot, 'package.json'));
  try {
    resolve('node-addon-api');
    return join(dirname(resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  } catch (cause) {
    throw problemError(
      {
        code: 'ERR_TOOLCHAIN',
        headline: 'Expected the packages cmake-js and node-addon-api to compile the native module, got none',
        solutions: ['Install them: npm install --no-save cmake-js node-addon-api'],
      },
      cause,
    );
  }
}

async function run(args: string[], { libtorch, env = process.env }: CompileOptions): Promise<void> {
  // CMakeLists.txt asks Node for the place of node-addon-api.
  const PATH = `${env.PATH ?? ''}${delimiter}${dirname(process.execPath)}`;
  const child = spawn(process.execPath, args, {
    cwd: packageRoot,
    env: { ...env, PATH },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [status, signal] = await once(child, 'close');
  if (status === 0) return;
  throw problemError({
    code: 'ERR_COMPILE',
    headline: `Could not compile the native module for libtorch ${libtorch.version}: cmake-js ended with ${signal ?? `exit code ${status}`}; its output is above`,
    solutions: [
      'Where memory ran out, compile one file at a time: npx ibn-net build --jobs 1',
      'Use a libtorch for which it comes prebuilt: npx ibn-net install-libtorch',
    ],
  });
}
