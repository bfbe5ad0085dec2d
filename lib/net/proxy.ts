import { DownloadError } from './download-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy and the variable that names it. */
export interface Proxy {
  readonly variable: string;
  /** Without user name and password. */
  readonly url: string;
}

/**
 * The proxy that a request goes through, by the rules of undici: lower case comes first, HTTPS falls back to HTTP's proxy.
 *
 * @throws DownloadError `ERR_DOWNLOAD_PROXY` where a variable holds no URL.
 */
export function proxyFor(url: string, env: Environment = process.env): Proxy | undefined {
  const http = readProxy(['http_proxy', 'HTTP_PROXY'], url, env);
  const https = readProxy(['https_proxy', 'HTTPS_PROXY'], url, env) ?? http;
  const { protocol, hostname, port } = new URL(url);
  const target = { hostname, port: Number(port) || (protocol === 'https:' ? 443 : 80) };
  return isExcepted(target, env.no_proxy ?? env.NO_PROXY ?? '')
    ? undefined
    : protocol === 'https:'
      ? https
      : http;
}

function readProxy(names: readonly string[], url: string, env: Environment): Proxy | undefined {
  const variable = names.find((name) => env[name] !== undefined);
  const value = variable === undefined ? '' : (env[variable] as string);
  if (variable === undefined || value === '') return undefined;
  const shown = withoutPassword(value);
  if (/^https?:\/\/./i.test(value) && URL.canParse(value)) return { variable, url: shown };
  const advice = /^[a-z][\w+.-]*:\/\//i.test(value) ? 'an http or https proxy' : `http://${shown}`;
  const reason = `expected a URL such as http://proxy:3128 in ${variable}, got "${shown}"; set it to ${advice}`;
  throw new DownloadError(reason, { code: 'ERR_DOWNLOAD_PROXY', url });
}

function withoutPassword(proxy: string): string {
  return proxy.replace(/^([a-z][\w+.-]*:\/\/)?[^/]*@/i, '$1').replace(/\/$/, '');
}

interface Target {
  readonly hostname: string;
  readonly port: number;
}

function isExcepted({ hostname, port }: Target, exceptions: string): boolean {
  return exceptions.split(/[,\s]+/).some((entry) => {
    if (entry === '*') return true;
    const [, name = entry, own] = /^(.+):(\d+)$/.exec(entry) ?? [];
    const host = name.replace(/^\*?\./, '').toLowerCase();
    if (host === '' || (own !== undefined && Number(own) !== port)) return false;
    return hostname === host || hostname.endsWith(`.${host}`);
  });
}

/** The failure of a request that went through a proxy, which is named: it may be the proxy that is at fault. */
export function failedThrough(proxy: Proxy | undefined, error: DownloadError): DownloadError {
  if (proxy === undefined || error.code !== 'ERR_DOWNLOAD_UNREACHABLE') return error;
  const reason = `no answer through the proxy ${proxy.url} (${proxy.variable}): ${error.reason}`;
  return new DownloadError(reason, { code: 'ERR_DOWNLOAD_PROXY', url: error.url, cause: error.cause });
}
