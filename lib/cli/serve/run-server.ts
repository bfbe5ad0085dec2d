import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import { createServer, type Server, type Service } from '../../serve/index.ts';
import { setNumThreads } from '../../tensor/index.ts';
import { StopSignals } from '../stop-signals.ts';
import { type ServerFlags, serveOptions } from './serve-options.ts';

/** Where a server writes; the process's own streams by default. */
export interface ServerStreams {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown };
}

/**
 * Listens until SIGINT or SIGTERM, and ends then without losing a request; a second one ends at once. SIGHUP loads the model
 * again.
 */
export async function runServer(
  service: Service,
  flags: ServerFlags,
  streams: ServerStreams = process,
): Promise<void> {
  const options = serveOptions(flags);
  const server = await createServer(service, options);
  await leaveCores();
  const signals = takeSignals(server, streams); // before anybody knows that there is a server
  try {
    const address = await server.listen({ port: flags.port, host: flags.host });
    streams.stdout.write(`Listening on ${address}\n`);
    if (options.token === undefined && !isLoopback(flags.host)) streams.stderr.write(openToAll(flags.host));
    await signals.stopped;
    await server.close();
  } finally {
    signals.release();
  }
}

const openToAll = (host: string): string =>
  `Whoever reaches this machine may use the server: it listens on ${host} and asks for no token. ` +
  'Give it one with --token-file or IBN_NET_TOKEN.\n';

/** Whether a host names this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** What runs on the event loop's own thread must not take the cores of the network. */
async function leaveCores(): Promise<void> {
  const { default: sharp } = await import('sharp');
  sharp.concurrency(1);
  setNumThreads(1);
}

interface Signals {
  /** Settles at the first SIGINT or SIGTERM. */
  readonly stopped: Promise<unknown>;
  release(): void;
}

function takeSignals(server: Server, { stdout, stderr }: ServerStreams): Signals {
  const reload = () => {
    server.reload().then(
      () => stdout.write('Loaded the model again\n'),
      (error: Error) => stderr.write(`Kept the model that was there: ${error.message}\n`),
    );
  };
  process.on('SIGHUP', reload);
  const stop = new StopSignals((name) => {
    stderr.write(`${name}: answering what was asked; once more ends at once\n`);
  });
  const release = () => {
    process.off('SIGHUP', reload);
    stop.release();
  };
  return { stopped: once(stop.signal, 'abort'), release };
}
