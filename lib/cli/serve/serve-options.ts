import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import type { RunOptions } from '../../compile/index.ts';
import type { ServeOptions } from '../../serve/index.ts';
import { wholeNumber } from '../flag-values.ts';

/** How a server listens, what it takes, and how its network is run; as commander gives it. */
export interface ServerFlags {
  port: number;
  host: string;
  tokenFile?: string;
  threads?: number;
  maxBatch: number;
  maxDelay: number;
  maxPending: number;
  maxImages: number;
  maxBody: number;
  maxPixels: number;
  timeout: number;
  rate?: number;
}

/** Adds what the servers of the command line share. */
export function addServerFlags(command: Command): Command {
  return command
    .option('--port <port>', 'where to listen; 0 takes a free one', portNumber, 8080)
    .option('--host <address>', 'who can reach it: 0.0.0.0 for other machines too', '127.0.0.1')
    .option(
      '--token-file <file>',
      'callers must send the token that stands in this file; else the variable IBN_NET_TOKEN is one',
    )
    .option('--threads <n>', "the network's own; default: the cores of the machine", wholeNumber)
    .option('--max-batch <n>', 'images of several callers that are computed together', wholeNumber, 16)
    .option('--max-delay <ms>', 'how long an image waits for others', milliseconds, 2)
    .option('--max-pending <n>', 'images that may wait or be under way; beyond, 429', wholeNumber, 128)
    .option('--max-images <n>', 'images of a request', wholeNumber, 16)
    .option('--max-body <megabytes>', 'of a request', wholeNumber, 10)
    .option('--max-pixels <megapixels>', 'of an image', wholeNumber, 25)
    .option('--timeout <ms>', 'how long a request may take', wholeNumber, 30_000)
    .option('--rate <n>', 'requests a minute that one address may make; default: any number', wholeNumber);
}

function portNumber(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new InvalidArgumentError(`Expected a port from 0 to 65535, got "${text}".`);
}

function milliseconds(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= 0 && value <= 60_000) return value;
  throw new InvalidArgumentError(`Expected milliseconds from 0 to 60000, got "${text}".`);
}

/** What the server layer takes. @throws Error where the file of the token cannot be read */
export function serveOptions(flags: ServerFlags, env: NodeJS.ProcessEnv = process.env): ServeOptions {
  const token =
    flags.tokenFile === undefined ? env.IBN_NET_TOKEN : readFileSync(flags.tokenFile, 'utf8').trim();
  return {
    ...(token === undefined || token === '' ? {} : { token }),
    limits: { bodyBytes: flags.maxBody * 1e6, images: flags.maxImages, pixels: flags.maxPixels * 1e6 },
    timeoutMs: flags.timeout,
    maxPending: flags.maxPending,
    ...(flags.rate === undefined ? {} : { ratePerMinute: flags.rate }),
  };
}

/** What `compile` takes: room in its queue for all that the server admits, twice over for mirrored images. */
export function runOptions({ threads, maxBatch, maxDelay, maxPending }: ServerFlags): RunOptions {
  return {
    ...(threads === undefined ? {} : { threads }),
    maxBatch,
    maxDelayMs: maxDelay,
    maxQueue: 2 * maxPending,
  };
}
