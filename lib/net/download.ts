import { mkdir, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'undici';
import { DownloadError } from './download-error.ts';
import { request, transferError } from './http.ts';
import { withLock } from './lock.ts';
import { hashFile, PartFile, type PartOrigin } from './part-file.ts';

export { DownloadError, type DownloadErrorCode } from './download-error.ts';
export { hashFile } from './part-file.ts';

/** How far a download is, in bytes; `total` is undefined when the server does not tell. */
export interface DownloadProgress {
  received: number;
  total: number | undefined;
}

/** What a download must be, and how it is done. */
export interface DownloadOptions {
  /** The file's sha256 in hexadecimal; anything else never becomes the destination. */
  sha256?: string;
  /** The first digits of the sha256, as in `resnet50_ibn_a-d9d0bb7b.pth`. */
  sha256Prefix?: string;
  /** The file's length in bytes, when it is known. */
  size?: number;
  /** Whether to go on from what an earlier run left. Default true. */
  resume?: boolean;
  /** How many times in a row to try again without getting any further. Default 4. */
  retries?: number;
  /** Milliseconds before the first repeat; doubled for each further one. Default 500. */
  retryDelay?: number;
  /** Further request headers, for example an authorization. */
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Says what is wrong with a file that has arrived, for which it cannot be what is wanted; undefined where nothing is. */
  findFault?: (path: string) => string | undefined;
  onProgress?: (progress: DownloadProgress) => void;
  /** Called once when another process is fetching the same file. */
  onWait?: () => void;
}

/** What came of a download. */
export interface DownloadResult {
  path: string;
  sha256: string;
  /** Whether the file was there already, from before or from another process. */
  cached: boolean;
}

/**
 * Fetches a file over HTTP(S). The destination appears in one step when length and hash are right and never
 * otherwise; an interrupted download goes on where it stopped (`<destination>.part`), also in a later
 * process. Redirects, HTTP(S)_PROXY and NO_PROXY are followed; 5xx, 429, resets and stalls are tried again;
 * a host that cannot be reached fails within seconds. When two processes fetch the same destination, the
 * second waits and takes the first one's file. A destination that already has the given hash is kept.
 *
 * @throws DownloadError
 * @example
 * await download(url, '/cache/resnet50_ibn_a.pth', { sha256Prefix: 'd9d0bb7b' });
 */
export async function download(
  url: string,
  destination: string,
  options: DownloadOptions = {},
): Promise<DownloadResult> {
  const before = await existing(destination, options);
  if (before) return before;
  await mkdir(dirname(destination), { recursive: true });
  return withLock(
    destination,
    async ({ waited, lost }) => {
      const other = waited ? await existing(destination, options, true) : undefined;
      if (other) return other;
      const signal = options.signal ? AbortSignal.any([options.signal, lost]) : lost;
      const sha256 = await new Transfer(url, destination, { ...options, signal }).run();
      return { path: destination, sha256, cached: false };
    },
    options,
  );
}

async function existing(
  path: string,
  options: DownloadOptions,
  trusted = false,
): Promise<DownloadResult | undefined> {
  const prefix = options.sha256 ?? options.sha256Prefix;
  if (!(prefix || trusted) || !(await stat(path).catch(() => undefined))) return undefined;
  const sha256 = await hashFile(path);
  return sha256.startsWith(prefix ?? '') ? { path, sha256, cached: true } : undefined;
}

const RETRIED_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);
const LONGEST_WAIT_MS = 10_000;

class Transfer {
  readonly #url: string;
  readonly #options: DownloadOptions & { signal: AbortSignal };
  readonly #part: PartFile;
  readonly #folder: string;
  #retryAfter = 0;
  #resumed = false;

  constructor(url: string, destination: string, options: DownloadOptions & { signal: AbortSignal }) {
    this.#url = url;
    this.#options = options;
    this.#part = new PartFile(destination);
    this.#folder = dirname(destination);
  }

  /** Fetches until the file is whole and right; gives its sha256. */
  async run(): Promise<string> {
    if (this.#options.resume === false) await this.#part.discard();
    let furthest = 0;
    for (let repeat = 0; ; repeat++) {
      try {
        await this.#attempt();
        const sha256 = this.#part.digest();
        if (await this.#isRight(sha256)) return sha256;
      } catch (error) {
        const failure = this.#classify(error);
        if (this.#part.size > furthest) repeat = 0;
        furthest = Math.max(furthest, this.#part.size);
        if (repeat >= (this.#options.retries ?? 4) || !this.#isPassing(failure)) throw failure;
      }
      await this.#pause(repeat);
    }
  }

  async #attempt(): Promise<void> {
    const origin = await this.#part.resume(this.#url);
    const response = await request(this.#url, {
      headers: { ...this.#options.headers, ...rangeHeaders(this.#part.size, origin) },
      signal: this.#options.signal,
    });
    if (response.status === 416) {
      await this.#part.discard();
      throw this.#error('the server has less than what is already here', 'ERR_DOWNLOAD_INTERRUPTED', 416);
    }
    if (!response.ok || !response.body) {
      this.#retryAfter = Number(response.headers.get('retry-after')) * 1000 || 0;
      await response.body?.cancel().catch(() => undefined);
      throw this.#error(`the server answered ${response.status}`, 'ERR_DOWNLOAD_STATUS', response.status);
    }
    const from = resumedAt(response, this.#part.size);
    this.#resumed = from > 0;
    await this.#receive(response, from);
  }

  async #receive(response: Response, from: number): Promise<void> {
    const total = announcedLength(response, from);
    await this.#checkLength(total, from);
    const part = await this.#part.open(from, originOf(response, this.#url));
    try {
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        await this.#part.write(part, chunk);
        this.#options.onProgress?.({ received: this.#part.size, total });
      }
      await part.sync();
    } finally {
      await part.close();
    }
    if (total !== undefined && this.#part.size !== total) {
      const message = `got ${this.#part.size} of ${total} bytes`;
      if (this.#part.size > total) await this.#part.discard();
      throw this.#error(message, 'ERR_DOWNLOAD_INTERRUPTED');
    }
  }

  async #checkLength(total: number | undefined, from: number): Promise<void> {
    const { size } = this.#options;
    if (size !== undefined && total !== undefined && size !== total) {
      await this.#part.discard();
      throw this.#error(`expected ${size} bytes, the server has ${total}`, 'ERR_DOWNLOAD_SIZE');
    }
    const needed = (total ?? size ?? 0) - from;
    const disk = await statfs(this.#folder);
    const free = disk.bavail * disk.bsize;
    if (needed > free) {
      const room = `${this.#folder} has ${free} bytes free, ${needed} more are needed`;
      throw this.#error(room, 'ERR_DOWNLOAD_WRITE');
    }
  }

  /** Moves a right file to its destination; drops a wrong one, for good unless it was pieced together. */
  async #isRight(sha256: string): Promise<boolean> {
    const { sha256: whole, sha256Prefix, size } = this.#options;
    const wanted = whole ?? sha256Prefix ?? '';
    if (size !== undefined && this.#part.size !== size) {
      const message = `expected ${size} bytes, got ${this.#part.size}`;
      await this.#part.discard();
      throw this.#error(message, 'ERR_DOWNLOAD_SIZE');
    }
    const fault = this.#options.findFault?.(this.#part.path);
    if (sha256.startsWith(wanted) && fault === undefined) {
      await this.#part.finish();
      return true;
    }
    await this.#part.discard();
    if (fault !== undefined) throw this.#error(fault, 'ERR_DOWNLOAD_CONTENT');
    if (this.#resumed) return false;
    throw this.#error(`expected sha256 ${wanted}, got ${sha256}`, 'ERR_DOWNLOAD_HASH');
  }

  #classify(error: unknown): DownloadError {
    if (error instanceof Error && 'syscall' in error && 'path' in error) {
      const { message } = error;
      return new DownloadError(message, { code: 'ERR_DOWNLOAD_WRITE', url: this.#url, cause: error });
    }
    return transferError(error, this.#url, this.#options.signal);
  }

  /** Whether a repeat can help. A host that answered before is only away for a moment. */
  #isPassing(failure: DownloadError): boolean {
    if (failure.code === 'ERR_DOWNLOAD_STATUS') return RETRIED_STATUS.has(failure.status ?? 0);
    if (/UNREACHABLE|PROXY/.test(failure.code)) return this.#part.size > 0;
    return failure.code === 'ERR_DOWNLOAD_INTERRUPTED';
  }

  async #pause(repeat: number): Promise<void> {
    const delay = Math.max(this.#retryAfter, (this.#options.retryDelay ?? 500) * 2 ** repeat);
    this.#retryAfter = 0;
    try {
      await sleep(Math.min(delay, LONGEST_WAIT_MS), undefined, { signal: this.#options.signal });
    } catch (error) {
      throw transferError(error, this.#url, this.#options.signal);
    }
  }

  #error(reason: string, code: DownloadError['code'], status?: number): DownloadError {
    const options = { code, url: this.#url, ...(status !== undefined && { status }) };
    return new DownloadError(reason, options);
  }
}

function rangeHeaders(size: number, origin: PartOrigin | undefined): Record<string, string> {
  return origin ? { range: `bytes=${size}-`, 'if-range': origin.validator } : {};
}

/** Where the body begins: at `size` when the server goes on from there, else at 0. */
function resumedAt(response: Response, size: number): number {
  if (response.status !== 206) return 0;
  const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (Number(start) === size) return size;
  throw new DownloadError('the server sent another part than the one asked for', {
    code: 'ERR_DOWNLOAD_STATUS',
    url: response.url,
    status: 206,
  });
}

function announcedLength(response: Response, from: number): number | undefined {
  const encoding = response.headers.get('content-encoding');
  const length = response.headers.get('content-length');
  return length === null || (encoding && encoding !== 'identity') ? undefined : from + Number(length);
}

/** What a later request needs to go on with this body; weak ETags do not promise equal bytes. */
function originOf(response: Response, url: string): PartOrigin | undefined {
  const etag = response.headers.get('etag');
  const strong = etag && !etag.startsWith('W/') ? etag : null;
  const validator = strong ?? response.headers.get('last-modified');
  return validator ? { url, validator } : undefined;
}
