import { fileURLToPath } from 'node:url';
import { FileStore, type Store } from './stores/store.ts';
import { TCPStore } from './stores/tcp-store.ts';

/** Where processes meet, and which of them this one is. */
export interface Meeting {
  readonly store: Store;
  readonly rank: number;
  readonly worldSize: number;
}

/** Rank and size, where they were given. */
export interface Place {
  readonly rank: number | undefined;
  readonly worldSize: number | undefined;
}

const KNOWN = 'env://, tcp://host:port or file:///path';

/** Meets the other processes as `initMethod` says (torch/distributed/rendezvous.py, 2.13). */
export async function rendezvous(initMethod: string, place: Place, timeout: number): Promise<Meeting> {
  const url = parse(initMethod);
  if (url.protocol === 'env:') return await byEnvironment(place, timeout);
  const { rank, worldSize } = fromQuery(url, place, initMethod);
  if (url.protocol === 'tcp:') return await byTcp(url, rank, worldSize, initMethod, timeout);
  if (url.protocol === 'file:') return byFile(url, rank, worldSize);
  throw new RangeError(`Expected ${KNOWN} for initMethod, got "${initMethod}"`);
}

function parse(initMethod: string): URL {
  try {
    return new URL(initMethod);
  } catch {
    throw new RangeError(`Expected ${KNOWN} for initMethod, got "${initMethod}"`);
  }
}

async function byEnvironment(place: Place, timeout: number): Promise<Meeting> {
  const rank = place.rank ?? numberFrom('RANK');
  const worldSize = place.worldSize ?? numberFrom('WORLD_SIZE');
  const host = textFrom('MASTER_ADDR');
  const port = numberFrom('MASTER_PORT');
  checkPlace(rank, worldSize, 'the environment variables RANK and WORLD_SIZE');
  return await meet(host, port, rank, worldSize, timeout);
}

async function byTcp(
  url: URL,
  rank: number,
  worldSize: number,
  initMethod: string,
  timeout: number,
): Promise<Meeting> {
  if (url.port === '' || url.hostname === '')
    throw new RangeError(`Expected tcp://host:port for initMethod, got "${initMethod}"`);
  return await meet(url.hostname, Number(url.port), rank, worldSize, timeout);
}

function byFile(url: URL, rank: number, worldSize: number): Meeting {
  const path = fileURLToPath(new URL(url.pathname, 'file://'));
  return { store: new FileStore(path, worldSize), rank, worldSize };
}

/** torchrun's agent holds the store; elsewhere rank 0 does. */
async function meet(
  host: string,
  port: number,
  rank: number,
  worldSize: number,
  timeout: number,
): Promise<Meeting> {
  const agentHolds = process.env.TORCHELASTIC_USE_AGENT_STORE === 'True';
  const isMaster = rank === 0 && !agentHolds;
  const store = await TCPStore.connect(host, port, { worldSize, isMaster, timeout });
  return { store, rank, worldSize };
}

function fromQuery(url: URL, place: Place, initMethod: string): { rank: number; worldSize: number } {
  const read = (name: string, given: number | undefined): number => {
    const text = url.searchParams.get(name);
    if (given !== undefined || text === null) return given ?? Number.NaN;
    return Number(text);
  };
  const rank = read('rank', place.rank);
  const worldSize = read('world_size', place.worldSize);
  checkPlace(rank, worldSize, `initProcessGroup with "${initMethod}"`);
  return { rank, worldSize };
}

function checkPlace(rank: number, worldSize: number, owner: string): void {
  if (!Number.isInteger(worldSize) || worldSize < 1)
    throw new RangeError(
      `Expected worldSize, an integer of at least 1, for ${owner}, got ${shown(worldSize)}`,
    );
  if (!Number.isInteger(rank) || rank < 0 || rank >= worldSize)
    throw new RangeError(
      `Expected rank, an integer from 0 to ${worldSize - 1}, for ${owner}, got ${shown(rank)}`,
    );
}

const shown = (value: number): string => (Number.isNaN(value) ? 'none' : String(value));

function textFrom(name: string): string {
  const text = process.env[name];
  if (text !== undefined && text !== '') return text;
  throw new RangeError(
    `Expected the environment variable ${name} for env://, got none. torchrun, ibn-net launch and SLURM scripts set it; ` +
      'or pass initMethod, rank and worldSize',
  );
}

function numberFrom(name: string): number {
  const text = textFrom(name);
  if (/^\d+$/.test(text)) return Number(text);
  throw new RangeError(
    `Expected an integer of at least 0 for the environment variable ${name}, got "${text}"`,
  );
}
