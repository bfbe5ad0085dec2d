import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../cache.ts';
import { LibtorchError } from '../../errors.ts';
import { DownloadError, download, hashFile } from '../../net/download.ts';
import { byteProgress, megabytes } from '../../net/progress.ts';
import { pipDownload } from '../wheels/pip.ts';
import { chooseWheel, readIndexPage } from '../wheels/simple-index.ts';
import { compareVersions, satisfies } from '../wheels/specifier.ts';
import { parseWheelName, wheelRunsOn } from '../wheels/wheel-name.ts';
import type { PinnedFile } from './versions.ts';

/** PyTorch's own download site. */
export const PYTORCH_SITE = 'https://download.pytorch.org/whl';

/** A wheel that is needed. */
export interface Wanted {
  project: string;
  /** For example `==2.13.0+cpu` or `>=13.0.88,<14`. */
  specifiers: string;
  /** The file to get, when it is in the table. */
  pin: PinnedFile | undefined;
}

/** A file on this machine; one that was fetched is temporary. */
export interface Obtained {
  path: string;
  temporary: boolean;
}

/** A place wheels come from. */
export interface Source {
  /** In words, for messages. */
  name: string;
  /** Gives the file, or throws a Refusal. */
  get(wanted: Wanted): Promise<Obtained>;
}

/** What all sources share. */
export interface SourceContext {
  /** `linux-x64` and the like. */
  target: string;
  flavour: string;
  /** Where fetched files lie until they are unpacked. */
  downloads: string;
  env: Environment;
  site: string;
  log: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/** Why a source does not have a file; an unreachable source is not asked again. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly unreachable: boolean;
  constructor(reason: string, unreachable = false) {
    super(reason);
    this.unreachable = unreachable;
  }
}

/** The sources in the order they are asked; `beside` is a folder given with `--from`. */
export function makeSources(context: SourceContext, beside?: string): Source[] {
  const mirror = context.env.IBN_NET_LIBTORCH_MIRROR;
  return [
    ...(beside === undefined ? [] : [folderSource(beside, context)]),
    ...(mirror ? [mirrorSource(mirror, context)] : []),
    siteSource(context),
    pipSource(context),
  ];
}

/** The files of a folder: the pinned one by its name, else the newest that satisfies. */
function folderSource(folder: string, context: SourceContext): Source {
  return {
    name: folder,
    async get({ project, specifiers, pin }) {
      const files = await readdir(folder);
      const found = files
        .map((file) => ({ file, wheel: parseWheelName(file) }))
        .filter(({ wheel }) => wheel?.project === project && wheelRunsOn(wheel, context.target))
        .filter(({ wheel }) => satisfies(wheel?.version ?? '', specifiers))
        .sort((a, b) => compareVersions(b.wheel?.version ?? '', a.wheel?.version ?? ''))[0];
      const file = pin && files.includes(pin.name) ? pin.name : found?.file;
      if (file === undefined) throw new Refusal(`has no ${project}${specifiers}`);
      return { path: join(folder, file), temporary: false };
    },
  };
}

/** Another place with the pinned files: a folder or a base URL, flat or laid out as PyTorch's site. */
function mirrorSource(mirror: string, context: SourceContext): Source {
  const name = `IBN_NET_LIBTORCH_MIRROR=${mirror}`;
  const isUrl = /^https?:/.test(mirror);
  const folder = mirror.startsWith('file:') ? fileURLToPath(mirror) : resolve(mirror);
  return {
    name,
    async get({ project, specifiers, pin }) {
      if (!pin) throw new Refusal(`${project}${specifiers} is not in the table of pinned files`);
      const paths = [pin.name, `${context.flavour}/${pin.name}`];
      if (isUrl)
        return fetchFirst(
          paths.map((path) => joinUrl(mirror, path)),
          pin,
          context,
        );
      if (!existsSync(folder)) throw new Refusal('no such folder', true);
      const path = paths.map((one) => join(folder, one)).find((one) => existsSync(one));
      if (path === undefined) throw new Refusal(`has no ${pin.name}`);
      return { path, temporary: false };
    },
  };
}

/** PyTorch's download site: the pinned file where its place is known, else by the site's index page. */
function siteSource(context: SourceContext): Source {
  return {
    name: context.site,
    async get({ project, specifiers, pin }) {
      if (pin?.path) return fetchFirst([joinUrl(context.site, pin.path)], pin, context);
      const page = joinUrl(context.site, `${context.flavour}/${project}/`);
      const offers = await readIndexPage(page, context.target, context.signal).catch(refuse);
      const offer = offers.find(({ name }) => name === pin?.name) ?? chooseWheel(offers, specifiers);
      if (!offer) throw new Refusal(`has no ${project}${specifiers}`);
      const known = offer.name === pin?.name ? pin : { name: offer.name, sha256: offer.sha256 ?? '' };
      return fetchFirst([offer.url], known, context);
    },
  };
}

/** Whatever index or folder pip is configured with; pip's own tags decide when the pinned file is not there. */
function pipSource(context: SourceContext): Source {
  return {
    name: "pip's index",
    async get(wanted) {
      let reason = '';
      for (const attempt of pipAttempts(wanted, context)) {
        context.log(`Asking pip for ${attempt.requirement}`);
        const { env, downloads: folder, signal } = context;
        const result = await pipDownload({ ...attempt, env, folder, signal });
        if ('path' in result) return { path: result.path, temporary: true };
        reason ||= result.reason;
      }
      throw new Refusal(reason);
    },
  };
}

/** What to ask pip for, one after the other. */
function pipAttempts({ project, specifiers, pin }: Wanted, { target, flavour }: SourceContext) {
  const attempts: { requirement: string; fileName?: string }[] = [];
  const version = pin && parseWheelName(pin.name)?.version;
  if (version) attempts.push({ requirement: `${project}==${version}`, fileName: pin.name });
  attempts.push({ requirement: project + specifiers });
  // PyPI's builds have no local version: on Linux that is a CUDA build, elsewhere the CPU build.
  const [release = '', local] = specifiers.split('+');
  const onPyPI = flavour !== 'cpu' || !target.startsWith('linux');
  if (local !== undefined && onPyPI) attempts.push({ requirement: project + release });
  return attempts;
}

function joinUrl(base: string, path: string): string {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return `${base.replace(/\/+$/, '')}/${encoded}`;
}

interface KnownFile {
  name: string;
  sha256: string;
  size?: number;
}

/** Fetches a file from the first of the URLs that has it. */
async function fetchFirst(urls: string[], file: KnownFile, context: SourceContext): Promise<Obtained> {
  const path = join(context.downloads, file.name);
  let missing: unknown;
  for (const url of urls) {
    try {
      await fetchFile(url, path, file, context);
      return { path, temporary: true };
    } catch (error) {
      if (!(error instanceof DownloadError) || error.status !== 404) refuse(error);
      missing = error;
    }
  }
  return refuse(missing);
}

/** Fetches one file with a progress display. */
export async function fetchFile(
  url: string,
  path: string,
  file: Partial<KnownFile>,
  context: Pick<SourceContext, 'log' | 'signal'>,
): Promise<string> {
  const size = file.size ? ` (${megabytes(file.size)} MB)` : '';
  context.log(`Fetching ${basename(path)}${size} from ${new URL(url).host}`);
  const progress = byteProgress(basename(path).slice(0, 40));
  try {
    const { sha256 } = await download(url, path, {
      ...(file.sha256 && { sha256: file.sha256 }),
      ...(file.size !== undefined && { size: file.size }),
      ...(context.signal && { signal: context.signal }),
      onProgress: ({ received, total }) => progress.update(received, total ?? file.size),
      onWait: () => context.log('Another process is fetching this file; waiting for it'),
    });
    return sha256;
  } finally {
    progress.stop();
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof DownloadError) || error.code === 'ERR_DOWNLOAD_ABORTED') throw error;
  if (error.code === 'ERR_DOWNLOAD_WRITE') {
    throw new LibtorchError(error.message, { code: 'ERR_LIBTORCH_INSTALL', cause: error });
  }
  throw new Refusal(error.reason, /UNREACHABLE|PROXY/.test(error.code));
}

/** Drops a file that was fetched for this installation. */
export async function discard(file: Obtained): Promise<void> {
  if (file.temporary) await rm(file.path, { force: true });
}

/** Refuses a file that bears a pinned name with other contents; gives the sha256 of one that is not pinned. */
export async function verifyPinned(path: string, pins: readonly PinnedFile[]): Promise<string | undefined> {
  const sha256 = await hashFile(path);
  const pin = pins.find(({ name }) => name === basename(path));
  if (!pin) return sha256;
  if (pin.sha256 === sha256) return undefined;
  throw new Refusal(`${pin.name}: expected sha256 ${pin.sha256}, got ${sha256}`);
}
