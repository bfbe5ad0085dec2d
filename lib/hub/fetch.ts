import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { FileSource } from '../checkpoint/byte-source.ts';
import { detectFormat } from '../checkpoint/format.ts';
import { CheckpointError, HubError } from '../errors.ts';
import { DownloadError, type DownloadProgress, download, hashFile } from '../net/download.ts';
import { publicUrl } from '../net/download-error.ts';
import { byteProgress } from '../net/progress.ts';
import { problemMessage } from '../problem.ts';
import { checkpointPath } from './cache.ts';

/** torch.hub's convention: at least eight hexadecimal digits of the sha256 after the last hyphen of the name. */
const HASH_SUFFIX = /-([a-f0-9]{8,64})\.[^-]*$/;

/** How a file comes from the network. */
export interface FetchOptions {
  /** Show progress on standard error, or report it to a function. Default true. */
  progress?: boolean | ((progress: DownloadProgress) => void);
  /** Stops the download; what has arrived is kept for the next time. */
  signal?: AbortSignal;
  /** Use the cache alone. Default: whether `IBN_NET_OFFLINE` is set to 1, true, yes or on. */
  offline?: boolean;
  /** How many times in a row to try again without getting any further. Default 4. */
  retries?: number;
}

/** Where a file is kept and how it is checked. */
export interface DownloadOptions extends FetchOptions {
  /** Where the file goes. Default `<getDir()>/checkpoints`. */
  modelDir?: string;
  /** Default: the last part of the URL. */
  fileName?: string;
  /** Compare the file with the hash in its name. Default true; a name without one is an error then. */
  checkHash?: boolean;
}

/** A file that is wanted. */
interface Wanted {
  readonly url: string;
  readonly path: string;
  readonly fileName: string;
  readonly sha256Prefix: string | undefined;
}

/** Finds a file in torch.hub's cache or fetches it; returns its path. */
export async function fetchFile(url: string, options: DownloadOptions = {}): Promise<string> {
  const wanted = readWanted(url, options);
  options.signal?.throwIfAborted();
  if (options.offline ?? isOffline()) return findOffline(wanted);
  // What an earlier version kept, such as a web page, is fetched anew.
  const isKept = wanted.sha256Prefix === undefined && existsSync(wanted.path);
  if (isKept && faultOf(wanted.path) === undefined) return wanted.path;
  return fetchWanted(wanted, options);
}

function readWanted(url: string, options: DownloadOptions): Wanted {
  const address = readUrl(url);
  const fileName = options.fileName ?? basename(address.pathname);
  const shown = publicUrl(url);
  if (fileName === '') {
    throw new HubError(`Expected a URL that ends in a file name, got ${shown}; or pass { fileName }`, {
      code: 'ERR_HUB_URL',
      url: shown,
    });
  }
  const sha256Prefix = options.checkHash === false ? undefined : HASH_SUFFIX.exec(fileName)?.[1];
  if (options.checkHash !== false && sha256Prefix === undefined) {
    throw new HubError(
      `Expected a file name like model-d9d0bb7b.pth to check its hash, got "${fileName}"; ` +
        'pass { checkHash: false } to take it unchecked, as torch.hub does',
      { code: 'ERR_HUB_HASH', url: shown },
    );
  }
  return { url, path: checkpointPath(fileName, options.modelDir), fileName, sha256Prefix };
}

function readUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^https?:$/.test(parsed.protocol)) return parsed;
  const got = parsed ? publicUrl(url) : `"${url}"`;
  throw new HubError(`Expected an http or https URL, got ${got}`, { code: 'ERR_HUB_URL' });
}

/** Whether `IBN_NET_OFFLINE` forbids downloads. */
function isOffline(): boolean {
  return /^(1|true|yes|on)$/i.test(process.env.IBN_NET_OFFLINE ?? '');
}

async function findOffline({ url, path, sha256Prefix }: Wanted): Promise<string> {
  if (!existsSync(path)) {
    const shown = publicUrl(url);
    throw new HubError(
      problemMessage({
        headline: `Expected ${path} for offline use, got no such file`,
        solutions: [
          `Put it there yourself, from ${shown}`,
          'Allow downloads: unset IBN_NET_OFFLINE, or pass { offline: false }',
        ],
      }),
      { code: 'ERR_HUB_OFFLINE', url: shown },
    );
  }
  checkHash(path, sha256Prefix, await hashFile(path));
  return path;
}

/** Refuses a file of the cache that is not what its name says. */
export function checkHash(path: string, sha256Prefix: string | undefined, sha256: string): void {
  if (sha256Prefix === undefined || sha256.startsWith(sha256Prefix)) return;
  throw new HubError(
    `Expected sha256 ${sha256Prefix} for ${path}, got ${sha256}; remove the file, it is damaged or another one`,
    { code: 'ERR_HUB_HASH' },
  );
}

async function fetchWanted(wanted: Wanted, options: DownloadOptions): Promise<string> {
  const { url, path, fileName, sha256Prefix } = wanted;
  const { progress = true, signal, retries } = options;
  const bar = progress === true ? byteProgress(fileName) : undefined;
  const report = typeof progress === 'function' ? progress : undefined;
  try {
    await download(url, path, {
      ...(sha256Prefix === undefined ? {} : { sha256Prefix }),
      ...(signal ? { signal } : {}),
      findFault: (arrived) => faultOf(arrived, sha256Prefix),
      ...(retries === undefined ? {} : { retries }),
      onProgress: (state) => {
        bar?.update(state.received, state.total);
        report?.(state);
      },
      onWait: () => {
        if (bar) process.stderr.write(`Another process is fetching ${fileName}; waiting for it\n`);
      },
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw toHubError(error, wanted);
  } finally {
    bar?.stop();
  }
  return path;
}

/** Why a file is none of weights, by how it begins: a web page, a pointer, an archive, nothing. */
function faultOf(path: string, sha256Prefix?: string): string | undefined {
  const source = new FileSource(path);
  try {
    detectFormat(source);
    return undefined;
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.code === 'ERR_CHECKPOINT_READ') throw error;
    // Of damaged weights the wrong hash says more.
    if (sha256Prefix !== undefined && error.code === 'ERR_CHECKPOINT_CORRUPT') return undefined;
    const what = error.message.slice(source.origin.name.length + 2).replace(/;.*/, '');
    return `the server sent no checkpoint: ${what}`;
  } finally {
    source.close();
  }
}

function toHubError(error: unknown, { url, path }: Wanted): unknown {
  const shown = publicUrl(url);
  if (error instanceof DownloadError) {
    const { reason, status, code } = error;
    const solutions = [`Put the file there yourself: ${path}`, ...(ADVICE[code] ?? [])];
    return new HubError(problemMessage({ headline: `Could not fetch ${shown}: ${reason}`, solutions }), {
      code: 'ERR_HUB_DOWNLOAD',
      url: shown,
      ...(status === undefined ? {} : { status }),
      cause: error,
    });
  }
  if (!(error instanceof Error && 'syscall' in error)) return error;
  return new HubError(
    problemMessage({
      headline: `Could not write ${path}: ${error.message}`,
      solutions: ['Use another cache: export TORCH_HOME=..., or call hub.setDir(...)'],
    }),
    { code: 'ERR_HUB_CACHE', url: shown, cause: error },
  );
}

const MIRROR = 'Use a mirror of the published files: export IBN_NET_CHECKPOINT_BASE_URL=https://...';
const ADVICE: Partial<Record<DownloadError['code'], readonly string[]>> = {
  ERR_DOWNLOAD_UNREACHABLE: [MIRROR, 'Behind a proxy: export HTTPS_PROXY=http://...'],
  ERR_DOWNLOAD_PROXY: [
    'Correct the variable, or go without: unset HTTPS_PROXY HTTP_PROXY https_proxy http_proxy',
    MIRROR,
  ],
  ERR_DOWNLOAD_STATUS: [MIRROR],
  ERR_DOWNLOAD_CONTENT: [
    'Open the address in a browser: it may ask to log in, and show the link of the file itself',
  ],
  ERR_DOWNLOAD_HASH: [MIRROR],
  ERR_DOWNLOAD_INTERRUPTED: ['Call again: what has arrived is kept', MIRROR],
  ERR_DOWNLOAD_WRITE: ['Use another cache: export TORCH_HOME=..., or call hub.setDir(...)'],
};
