/** What the server knows of an entry. */
export interface Entry {
  readonly id: string;
  readonly identity?: string;
  readonly camera?: string;
  readonly time?: number;
  readonly tags?: readonly string[];
}

export interface Match extends Entry {
  readonly similarity: number;
  readonly distance: number;
}

export interface Summary {
  readonly entries: number;
  readonly width: number;
  readonly identities: number;
  readonly cameras: readonly { readonly name: string; readonly entries: number }[];
  readonly tags: readonly { readonly name: string; readonly entries: number }[];
  readonly calibration: { readonly threshold: number; readonly falseMatchRate: number } | null;
}

export interface CurvePoint {
  readonly threshold: number;
  readonly truePositives: number;
  readonly falsePositives: number;
}

export interface Curve {
  readonly points: readonly CurvePoint[];
  readonly images: number;
  readonly identities: number;
  readonly genuinePairs: number;
  readonly impostorPairs: number;
}

/** What was refused, in the server's words. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const TOKEN = 'ibn-net token';
const BASE = new URL('../', document.baseURI);

export const setToken = (token: string): void => sessionStorage.setItem(TOKEN, token);

function headers(more: Record<string, string> = {}): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN);
  return token === null ? more : { ...more, authorization: `Bearer ${token}` };
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(new URL(path, BASE), init).catch(() => {
    throw new Refused(0, 'The server cannot be reached');
  });
  if (response.ok) return response;
  const { message } = (await response.json().catch(() => ({}))) as { message?: string };
  throw new Refused(response.status, message ?? response.statusText);
}

export async function get<T>(path: string): Promise<T> {
  return (await (await request(path, { headers: headers() })).json()) as T;
}

/** Sends an object as JSON, or a form. */
export async function send<T>(method: string, path: string, body?: object): Promise<T> {
  const isForm = body instanceof FormData;
  const init = {
    method,
    headers: headers(isForm || body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  };
  const response = await request(path, init);
  return (response.status === 204 ? {} : await response.json()) as T;
}

/** The image of an entry as a URL of this page's; undefined where there is none. */
export async function imageOf(id: string): Promise<string | undefined> {
  try {
    const response = await request(`entries/${encodeURIComponent(id)}/image`, { headers: headers() });
    return URL.createObjectURL(await response.blob());
  } catch {
    return undefined;
  }
}
