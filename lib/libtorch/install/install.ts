import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cacheFolder, type Environment } from '../../cache.ts';
import { LibtorchError } from '../../errors.ts';
import { withLock } from '../../net/lock.ts';
import { syncFolder } from '../../net/part-file.ts';
import { problemError } from '../../problem.ts';
import { inspectNamed } from '../find/inspect.ts';
import { type Libtorch, libtorchCache } from '../find/locate.ts';
import { thisPlatform } from '../find/platform.ts';
import {
  DEFAULT_CUDA_VERSION,
  DEFAULT_VERSION,
  isSupported,
  parseVersion,
  SUPPORTED,
  type TorchVersion,
} from '../find/torch-version.ts';
import { libcProblem } from '../load/load-problems.ts';
import { readSystem, type System } from '../load/system.ts';
import { identify, openArchive } from './archive.ts';
import { type Expected, type From, resolveFrom, unexpected } from './from.ts';
import { Obtainer } from './obtain.ts';
import { discard, makeSources, PYTORCH_SITE, Refusal, type SourceContext } from './sources.ts';
import { copyLibtorch, type Stage, unpackLibtorch, verifyStage } from './stage.ts';
import { PINNED_BUILDS, type PinnedBuild } from './versions.ts';
import { writeProblem } from './writable.ts';

/** What to install and from where. */
export interface InstallOptions {
  /** For example `2.13.0+cpu`, or `2.13.0` with the flavour from `cuda`. Default `2.13.0+cpu`. */
  version?: string;
  /** Install a CUDA build, by default `2.14.1+cu130`. */
  cuda?: boolean;
  /** A wheel or zip, a folder with them, an unpacked libtorch, or a URL. */
  from?: string;
  /** Install again what is installed already. */
  force?: boolean;
  env?: Environment;
  /** Takes one line per step; nothing is printed without it, except progress on standard error. */
  log?: (line: string) => void;
  signal?: AbortSignal;
  /** The table of known files; for tests. */
  builds?: readonly PinnedBuild[];
  /** The base URL of PyTorch's download site; for tests. */
  site?: string;
  /** The system to install on; for tests. */
  system?: System;
}

/** An installed libtorch, and whether it was there before. */
export interface Installed extends Libtorch {
  alreadyThere: boolean;
}

/**
 * Installs libtorch in the shared cache folder, for {@link locateLibtorch} to find.
 *
 * Sources in order: `from`, `IBN_NET_LIBTORCH_MIRROR`, PyTorch's download site, pip's configured index. The
 * installation appears in one step when it is complete. Two processes may install at once: the second waits
 * and finds it done. An interrupted download goes on where it stopped.
 *
 * @throws LibtorchError; `ERR_LIBC` where the system's C library is not one that libtorch loads with, unless forced.
 * @example
 * const { root } = await installLibtorch({ version: '2.13.0+cpu', log: console.error });
 */
export async function installLibtorch(options: InstallOptions = {}): Promise<Installed> {
  const problem = libcProblem(options.system ?? readSystem());
  if (problem && !options.force) throw problemError(problem);
  try {
    return await new Installer(options).run();
  } catch (error) {
    const unwritable = writeProblem(error, cacheFolder(options.env), 'npx ibn-net install-libtorch');
    throw unwritable ? problemError(unwritable, error) : error;
  }
}

/** The version that options ask for; `undefined` leaves it to what `from` holds. */
export function wantedVersion({ version, cuda, from }: InstallOptions): TorchVersion | undefined {
  if (version === undefined) {
    return from === undefined ? parseVersion(cuda ? DEFAULT_CUDA_VERSION : DEFAULT_VERSION) : undefined;
  }
  const parsed = parseVersion(version);
  if (!parsed || !isSupported(parsed.version)) {
    throw new RangeError(
      `Expected a version from ${SUPPORTED} such as 2.13.0+cpu for --version, got "${version}"`,
    );
  }
  if (cuda && parsed.flavour && !parsed.flavour.startsWith('cu')) {
    throw new RangeError(`Expected a CUDA flavour for --version with --cuda, got "${version}"`);
  }
  const defaultFlavour = cuda ? (parseVersion(DEFAULT_CUDA_VERSION)?.flavour ?? '') : 'cpu';
  return { version: parsed.version, flavour: parsed.flavour || defaultFlavour };
}

class Installer {
  readonly #options: InstallOptions;
  readonly #env: Environment;
  readonly #cache: string;
  readonly #log: (line: string) => void;
  readonly #builds: readonly PinnedBuild[];

  constructor(options: InstallOptions) {
    this.#options = options;
    this.#env = options.env ?? process.env;
    this.#cache = libtorchCache(this.#env);
    this.#log = options.log ?? (() => undefined);
    this.#builds = options.builds ?? PINNED_BUILDS;
  }

  async run(): Promise<Installed> {
    const wanted = wantedVersion(this.#options);
    if (this.#options.from !== undefined) return this.#runFrom(this.#options.from, wanted);
    return this.#install(wanted as TorchVersion, (stage) => this.#fetch(wanted as TorchVersion, stage));
  }

  /** What `--from` names tells the version, so it is looked at before anything else. */
  async #runFrom(from: string, wanted: TorchVersion | undefined): Promise<Installed> {
    const expected: Expected = wanted ?? (this.#options.cuda ? { flavour: 'cuda' } : {});
    const downloads = join(cacheFolder(this.#env), 'downloads', 'from');
    const pins = this.#builds.flatMap(({ files }) => files);
    const context = { downloads, log: this.#log, signal: this.#options.signal, pins };
    const work = async () => {
      const resolved = await resolveFrom(from, expected, context);
      const version = 'folder' in resolved ? resolved.folder : resolved.found;
      const installed = await this.#install(version, (stage) => this.#layOut(resolved, stage), resolved);
      if ('archive' in resolved) await discard({ path: resolved.archive, temporary: resolved.temporary });
      return installed;
    };
    // A fetched file must not be taken away by another process that is done with it.
    return /^https?:/.test(from) ? withLock(downloads, work, this.#waiting()) : work();
  }

  async #layOut(from: From, stage: Stage): Promise<void> {
    if ('folder' in from) return copyLibtorch(from.folder.root, stage.folder);
    this.#log(`Unpacking ${basename(from.archive)}`);
    return unpackLibtorch(from.archive, from.found, stage);
  }

  async #fetch(wanted: TorchVersion, stage: Stage): Promise<void> {
    const specifiers = `==${wanted.version}+${wanted.flavour}`;
    const file = await stage.obtainer.get(
      { project: 'torch', specifiers, pin: stage.pins[0] },
      async (path) => {
        const found = await identifyArchive(path);
        const reason = found ? unexpected(found, wanted) : 'is not a torch wheel';
        if (reason) throw new Refusal(`${basename(path)}: ${reason}`);
      },
    );
    const found = await identifyArchive(file.path);
    this.#log(`Unpacking ${basename(file.path)}`);
    await unpackLibtorch(file.path, { ...wanted, kind: found?.kind ?? 'wheel' }, stage);
    await discard(file);
  }

  /** Has `layOut` fill a folder beside the final one, then renames it. */
  async #install(
    wanted: TorchVersion,
    layOut: (stage: Stage) => Promise<void>,
    from?: From,
  ): Promise<Installed> {
    const name = `${wanted.version}+${wanted.flavour}`;
    const destination = join(this.#cache, name);
    const present = this.#present(destination);
    if (present && !this.#options.force) return { ...present, alreadyThere: true };
    return withLock(
      destination,
      async ({ waited, lost }) => {
        const other = waited ? this.#present(destination) : undefined;
        if (other) return { ...other, alreadyThere: true };
        await this.#build(destination, wanted, layOut, lost, from);
        const installed = this.#present(destination);
        if (!installed) throw new LibtorchError(`${destination} vanished`, { code: 'ERR_LIBTORCH_INSTALL' });
        return { ...installed, alreadyThere: false };
      },
      this.#waiting(),
    );
  }

  async #build(
    destination: string,
    wanted: TorchVersion,
    layOut: (stage: Stage) => Promise<void>,
    lost: AbortSignal,
    from: From | undefined,
  ): Promise<void> {
    const prefix = `.installing-${basename(destination)}-`;
    await this.#cleanUp(prefix);
    const folder = await mkdtemp(join(this.#cache, prefix));
    const downloads = join(cacheFolder(this.#env), 'downloads', `libtorch-${basename(destination)}`);
    try {
      await layOut(this.#stage(folder, wanted, downloads, lost, from));
      verifyStage(folder);
      // mkdtemp makes folders private; the cache may serve several users.
      await chmod(folder, 0o777 & ~process.umask());
      await writeFile(join(folder, 'ibn-net.json'), `${JSON.stringify(wanted)}\n`, { flush: true });
      await replaceFolder(folder, destination);
      await rm(downloads, { recursive: true, force: true });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #stage(
    folder: string,
    wanted: TorchVersion,
    downloads: string,
    lost: AbortSignal,
    from: From | undefined,
  ): Stage {
    const target = `${thisPlatform.platform}-${thisPlatform.arch}`;
    const { version, flavour } = wanted;
    const signal = this.#options.signal ? AbortSignal.any([this.#options.signal, lost]) : lost;
    const build = this.#builds.find(
      (one) => one.version === version && one.flavour === flavour && one.platform === target,
    );
    const site = this.#options.site ?? PYTORCH_SITE;
    const context: SourceContext = {
      target,
      flavour,
      downloads,
      env: this.#env,
      site,
      log: this.#log,
      signal,
    };
    const beside = from && 'beside' in from ? from.beside : undefined;
    const pins = this.#builds.flatMap(({ files }) => files);
    const obtainer = new Obtainer(makeSources(context, beside), pins, this.#log);
    return { folder, obtainer, pins: build?.files ?? [], log: this.#log, signal };
  }

  /** Removes what a process that died left. */
  async #cleanUp(prefix: string): Promise<void> {
    await mkdir(this.#cache, { recursive: true });
    for (const name of await readdir(this.#cache)) {
      if (name.startsWith(prefix)) await rm(join(this.#cache, name), { recursive: true, force: true });
    }
  }

  #present(destination: string): Libtorch | undefined {
    const result = inspectNamed(destination, thisPlatform);
    return 'folder' in result ? { ...result.folder, source: 'cache' } : undefined;
  }

  #waiting(): { onWait: () => void; signal?: AbortSignal | undefined } {
    return {
      onWait: () => this.#log('Another process is installing the same libtorch; waiting for it'),
      signal: this.#options.signal,
    };
  }
}

async function identifyArchive(path: string) {
  const archive = await openArchive(path);
  try {
    return await identify(archive);
  } finally {
    archive.close();
  }
}

/** Puts the new folder in the place of an old one, which is gone only when the new one is there. */
async function replaceFolder(folder: string, destination: string): Promise<void> {
  const old = `${folder}-old`;
  if (existsSync(destination)) await rename(destination, old);
  await rename(folder, destination);
  await syncFolder(join(destination, '..'));
  await rm(old, { recursive: true, force: true });
}
