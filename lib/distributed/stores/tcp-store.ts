import { checkFlag, checkOptions, checkPositions, checkText } from '../../options.ts';
import { checkInteger, checkTimeout } from '../checks.ts';
import { native } from '../native.ts';
import { DEFAULT_TIMEOUT, Store } from './store.ts';

/** Options of {@link TCPStore.connect}. */
export interface TCPStoreOptions {
  /** How many processes use the store. Default: it is not known, and none are waited for. */
  worldSize?: number;
  /** This process holds the store; the others are its clients. Default false. */
  isMaster?: boolean;
  /** Milliseconds to wait for the server, for workers, and for keys. Default 300,000. */
  timeout?: number;
  /** The server waits for all `worldSize` processes. Default true. */
  waitForWorkers?: boolean;
}

/**
 * A store that one process holds and the others reach over TCP. Clients of Python's torch and of this package can use one
 * server of either.
 *
 * @example
 * const store = await distributed.TCPStore.connect('127.0.0.1', 0, { isMaster: true });
 * await store.set('answer', '42');
 */
export class TCPStore extends Store {
  /** Where the server listens; one that was asked for port 0 has chosen. */
  get port(): number {
    return native.storePort(this.handle);
  }

  /** Connects, and listens where this process is the master. @throws TorchError after the timeout */
  static async connect(host: string, port: number, options: TCPStoreOptions = {}): Promise<TCPStore> {
    checkPositions('TCPStore.connect', arguments, 3);
    checkOptions('TCPStore.connect', options, ['worldSize', 'isMaster', 'timeout', 'waitForWorkers']);
    const { worldSize = 0, isMaster = false, timeout = DEFAULT_TIMEOUT, waitForWorkers = true } = options;
    checkText('TCPStore.connect host', 'a host', host);
    checkInteger('TCPStore.connect port', port, 0, 65_535);
    checkInteger('TCPStore.connect worldSize', worldSize);
    checkFlag('TCPStore.connect isMaster', isMaster);
    checkFlag('TCPStore.connect waitForWorkers', waitForWorkers);
    checkTimeout('TCPStore.connect timeout', timeout);
    const waits = waitForWorkers && worldSize > 0;
    return new TCPStore(await native.tcpStore(host, port, worldSize, isMaster, timeout, waits));
  }
}
