import type { Dispatcher, Response } from 'undici';
import { errorOf } from '../errors.ts';
import { DownloadError, publicUrl } from './download-error.ts';
import { failedThrough, proxyFor } from './proxy.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 15_000;
const STALL_TIMEOUT_MS = 30_000;

let sharedAgent: Promise<Dispatcher> | undefined;

/** The dispatcher of all requests; it obeys HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
async function agent(): Promise<Dispatcher> {
  sharedAgent ??= import('undici').then(
    ({ EnvHttpProxyAgent }) =>
      new EnvHttpProxyAgent({
        connect: { timeout: CONNECT_TIMEOUT_MS },
        proxyTls: { timeout: CONNECT_TIMEOUT_MS },
        requestTls: { timeout: CONNECT_TIMEOUT_MS },
        // Proxies often refuse tunnels to anything but HTTPS.
        proxyTunnel: false,
        bodyTimeout: STALL_TIMEOUT_MS,
      }),
  );
  return sharedAgent;
}

/**
 * Sends one GET request, following redirects.
 *
 * @throws DownloadError `ERR_DOWNLOAD_PROXY` when a proxy variable is no URL or its proxy gives no connection,
 * `ERR_DOWNLOAD_UNREACHABLE` when no connection came about within 5 seconds or no answer
 * within 15, `ERR_DOWNLOAD_INTERRUPTED` when the connection broke, `ERR_DOWNLOAD_ABORTED` when the signal fired.
 */
export async function request(
  url: string,
  options: { headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Response> {
  const proxy = proxyFor(url);
  const { fetch } = await import('undici');
  const headers = { 'accept-encoding': 'identity', 'user-agent': 'ibn-net', ...options.headers };
  // undici's own timeout does not cover a proxy that takes the connection and hangs up or says nothing.
  const overdue = new AbortController();
  const timer = setTimeout(() => overdue.abort(NO_ANSWER), ANSWER_TIMEOUT_MS);
  const signals = [overdue.signal, ...(options.signal ? [options.signal] : [])];
  const init = { headers, dispatcher: await agent(), signal: AbortSignal.any(signals) };
  try {
    return await fetch(withoutCredentials(url, headers), init);
  } catch (error) {
    throw failedThrough(proxy, transferError(error, url, options.signal));
  } finally {
    clearTimeout(timer);
  }
}

const NO_ANSWER = new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`);

/** fetch refuses URLs with a password; the header says the same. */
function withoutCredentials(url: string, headers: Record<string, string>): string {
  const { username, password } = new URL(url);
  if (!username && !password) return url;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return publicUrl(url);
}

const BROKEN = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
]);

/** Names what went wrong on the wire. */
export function transferError(error: unknown, url: string, signal?: AbortSignal): DownloadError {
  if (error instanceof DownloadError) return error;
  if (signal?.aborted) {
    return new DownloadError('stopped', { code: 'ERR_DOWNLOAD_ABORTED', url, cause: error });
  }
  const root = rootCause(error);
  const broken = BROKEN.has(root.code ?? '') || root.message === 'terminated';
  const code = broken ? 'ERR_DOWNLOAD_INTERRUPTED' : 'ERR_DOWNLOAD_UNREACHABLE';
  return new DownloadError(explain(root), { code, url, cause: error });
}

interface CodedError extends Error {
  code?: string;
}

function rootCause(error: unknown): CodedError {
  let found = errorOf(error);
  while (found.cause instanceof Error) found = found.cause;
  // Happy Eyeballs: one error per address tried.
  if (found instanceof AggregateError && found.errors[0] instanceof Error) return found.errors[0];
  return found;
}

function explain(error: CodedError): string {
  const known: Record<string, string> = {
    ENOTFOUND: 'the host name does not resolve',
    EAI_AGAIN: 'the host name does not resolve',
    ECONNREFUSED: 'the connection was refused',
    UND_ERR_CONNECT_TIMEOUT: `no connection within ${CONNECT_TIMEOUT_MS / 1000} s`,
    ETIMEDOUT: 'the connection timed out',
    ECONNRESET: 'the connection was reset',
    UND_ERR_SOCKET: 'the connection was cut off',
    UND_ERR_BODY_TIMEOUT: `nothing arrived for ${STALL_TIMEOUT_MS / 1000} s`,
    UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer was shorter than announced',
  };
  return known[error.code ?? ''] ?? error.message;
}
