import { DownloadError } from '../../net/download-error.ts';
import { request } from '../../net/http.ts';
import { compareVersions, satisfies } from './specifier.ts';
import { parseWheelName, type WheelName, wheelRunsOn } from './wheel-name.ts';

/** A wheel offered by an index page. */
export interface OfferedWheel {
  name: string;
  url: string;
  /** As the page states it. */
  sha256: string | undefined;
  wheel: WheelName;
}

/** Reads a project's page of a package index (PEP 503): the wheels that run on the system. */
export async function readIndexPage(
  pageUrl: string,
  target: string,
  signal?: AbortSignal,
): Promise<OfferedWheel[]> {
  const response = await request(pageUrl, signal ? { signal } : {});
  const text = await response.text();
  if (!response.ok) {
    const { status } = response;
    throw new DownloadError(`the server answered ${status}`, {
      code: 'ERR_DOWNLOAD_STATUS',
      url: pageUrl,
      status,
    });
  }
  return [...text.matchAll(/<a\s[^>]*?href="([^"]+)"[^>]*>/gi)]
    .map((link) => offered(new URL((link[1] ?? '').replaceAll('&amp;', '&'), response.url || pageUrl)))
    .filter((wheel): wheel is OfferedWheel => wheel !== undefined && wheelRunsOn(wheel.wheel, target));
}

function offered(url: URL): OfferedWheel | undefined {
  const name = decodeURIComponent(url.pathname.split('/').at(-1) ?? '');
  const wheel = parseWheelName(name);
  const sha256 = /^#sha256=([0-9a-f]{64})$/.exec(url.hash)?.[1];
  url.hash = '';
  return wheel && { name, url: url.href, sha256, wheel };
}

/** The newest of the offered wheels that satisfies the specifiers and states its sha256. */
export function chooseWheel(offers: OfferedWheel[], specifiers: string): OfferedWheel | undefined {
  return offers
    .filter(({ wheel, sha256 }) => sha256 !== undefined && satisfies(wheel.version, specifiers))
    .sort((a, b) => compareVersions(b.wheel.version, a.wheel.version))[0];
}
