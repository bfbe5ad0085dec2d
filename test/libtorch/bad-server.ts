import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request that arrived. */
export interface Seen {
  path: string;
  range: string | undefined;
}

/** Answers a request; `count` is how many for this path came before. */
export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A server on this machine that misbehaves as told. */
export interface BadServer {
  url: string;
  seen: Seen[];
  handlers: Map<string, Handler>;
  close(): Promise<void>;
}

/** Starts a server on a free port of 127.0.0.1. */
export async function startServer(): Promise<BadServer> {
  const seen: Seen[] = [];
  const handlers = new Map<string, Handler>();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    const count = seen.filter((one) => one.path === path).length;
    seen.push({ path, range: request.headers.range });
    const handler = handlers.get(path);
    if (handler) handler(request, response, count);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${port}`, seen, handlers, close };
}

/** Serves a file properly, ranges and ETag included. */
export function serve(content: Buffer, etag = '"v1"'): Handler {
  return (request, response) => {
    const start = rangeStart(request, etag);
    response.writeHead(start > 0 ? 206 : 200, headers(content, start, etag));
    response.end(content.subarray(start));
  };
}

/** Serves `bytes` bytes of what is asked for and cuts the connection, until the whole has been sent. */
export function cutOff(content: Buffer, bytes: number, etag = '"v1"'): Handler {
  return (request, response) => {
    const start = rangeStart(request, etag);
    response.writeHead(start > 0 ? 206 : 200, headers(content, start, etag));
    const end = start + bytes;
    if (end >= content.length) response.end(content.subarray(start));
    else hangUpAfter(response, content.subarray(start, end));
  };
}

/** Sends this much and cuts the connection, late enough for the client to have read it: fetch drops what waits. */
export function hangUpAfter(response: ServerResponse, content: Buffer): void {
  response.write(content);
  setTimeout(() => response.destroy(), 200);
}

function headers(content: Buffer, start: number, etag: string): Record<string, string | number> {
  return {
    etag,
    'content-length': content.length - start,
    ...(start > 0 && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
  };
}

/** Where to start: at 0 unless If-Range names the file as it is now. */
function rangeStart(request: IncomingMessage, etag: string): number {
  if (request.headers['if-range'] !== etag) return 0;
  return Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
}
