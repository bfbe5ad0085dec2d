import { checkFunction, checkOptions, checkText, describeValue } from '../options.ts';

/** What a request may be. */
export interface ServeLimits {
  /** Bytes of a request's body, base64 included. Default 10 MiB. */
  bodyBytes?: number;
  /** Images of one request; never more than `maxPending`. Default 16. */
  images?: number;
  /** Pixels of one image, seen before it is decoded. Default 25 million. */
  pixels?: number;
  /** Formats that are taken, told by their first bytes. Default all that are read, but AVIF and TIFF. */
  formats?: readonly ImageFormatName[];
}

/** Formats of images. */
export type ImageFormatName = 'JPEG' | 'PNG' | 'WebP' | 'GIF' | 'TIFF' | 'BMP' | 'PNM' | 'AVIF';

/** Options of `serve.createServer` and `serve.plugin`. */
export interface ServeOptions {
  /** Callers must send `Authorization: Bearer <token>`, but for health, readiness and the page. Default: none is asked for. */
  token?: string;
  limits?: ServeLimits;
  /** Milliseconds that a request may take; then 504. A caller asks for less by the header `x-timeout-ms`. Default 30,000. */
  timeoutMs?: number;
  /** Images that may be waiting or under way, over all callers; what comes beyond gets 429 with Retry-After. Default 128. */
  maxPending?: number;
  /** Requests that one address may make in a minute; then 429. Default: any number. */
  ratePerMinute?: number;
  /** Threads that decode images. Default: a quarter of the machine's cores, at least 1. */
  decodeThreads?: number;
  /** Told of errors that the caller only sees as 500. Default: they are written to standard error. */
  onError?: (error: Error) => void;
}

/** Options with their defaults. */
export interface ServeSettings {
  readonly token: string | undefined;
  readonly limits: Required<ServeLimits>;
  readonly timeoutMs: number;
  readonly maxPending: number;
  readonly ratePerMinute: number | undefined;
  readonly decodeThreads: number;
  readonly onError: (error: Error) => void;
}

export const SERVE_OPTIONS: readonly (keyof ServeOptions)[] = [
  'token',
  'limits',
  'timeoutMs',
  'maxPending',
  'ratePerMinute',
  'decodeThreads',
  'onError',
];
const FORMATS: readonly ImageFormatName[] = ['JPEG', 'PNG', 'WebP', 'GIF', 'BMP', 'PNM', 'TIFF', 'AVIF'];
const DEFAULT_FORMATS = FORMATS.slice(0, 6);

/** @throws TypeError, RangeError on wrong options. `owner` names the function. */
export function serveSettings(owner: string, options: ServeOptions, cores: number): ServeSettings {
  const { token, timeoutMs = 30_000, maxPending = 128, ratePerMinute, onError = printError } = options;
  const { decodeThreads = Math.max(1, cores >> 2) } = options;
  if (token !== undefined) checkToken(owner, token);
  checkFunction(`${owner} onError`, onError);
  if (ratePerMinute !== undefined) checkWhole(owner, 'ratePerMinute', ratePerMinute);
  return {
    token,
    limits: limitsOf(owner, options.limits ?? {}, checkWhole(owner, 'maxPending', maxPending)),
    timeoutMs: checkWhole(owner, 'timeoutMs', timeoutMs),
    maxPending,
    ratePerMinute,
    decodeThreads: checkWhole(owner, 'decodeThreads', decodeThreads),
    onError,
  };
}

function limitsOf(owner: string, limits: ServeLimits, maxPending: number): Required<ServeLimits> {
  checkOptions(`${owner} limits`, limits, ['bodyBytes', 'images', 'pixels', 'formats']);
  const { bodyBytes = 10 * 2 ** 20, images = 16, pixels = 25e6, formats = DEFAULT_FORMATS } = limits;
  if (!Array.isArray(formats) || formats.length === 0) {
    throw new TypeError(`Expected an array of formats for ${owner} limits, got ${describeValue(formats)}`);
  }
  const unknown = formats.find((format) => !FORMATS.includes(format));
  if (unknown !== undefined) {
    throw new RangeError(
      `Expected formats of ${FORMATS.join(', ')} for ${owner} limits, got ${describeValue(unknown)}`,
    );
  }
  return {
    bodyBytes: checkWhole(owner, 'limits.bodyBytes', bodyBytes),
    images: Math.min(maxPending, checkWhole(owner, 'limits.images', images)),
    pixels: checkWhole(owner, 'limits.pixels', pixels),
    formats,
  };
}

/** Short tokens are guessed. */
function checkToken(owner: string, token: unknown): void {
  checkText(`${owner} token`, 'a text', token);
  if (token.length >= 16 && /^[\x21-\x7e]+$/.test(token)) return;
  throw new RangeError(
    `Expected at least 16 letters, digits or signs without spaces for ${owner} token, got ${token.length}; ` +
      'make one: openssl rand -hex 32',
  );
}

/** @throws TypeError, RangeError unless it is a whole number from 1. */
export function checkWhole(owner: string, name: string, value: unknown): number {
  if (typeof value !== 'number')
    throw new TypeError(`Expected a number for ${owner} ${name}, got ${describeValue(value)}`);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new RangeError(`Expected a whole number from 1 for ${owner} ${name}, got ${value}`);
}

const printError = (error: Error): void => {
  process.stderr.write(`${error.stack ?? error.message}\n`);
};
