import { OpaqueValue, unwrap } from '../../ops/index.ts';
import { checkPositions, checkText, checkTexts, describeValue } from '../../options.ts';
import { keep } from '../../tensor/index.ts';
import { checkInteger, checkTimeout } from '../checks.ts';
import { type Handle, native } from '../native.ts';

/**
 * A key-value store that the processes of a group share, as torch.distributed's `Store`. Its calls cross the network, so
 * that each gives a promise.
 */
export class Store {
  readonly #value: OpaqueValue;

  /** @internal */
  constructor(handle: Handle) {
    this.#value = keep(new OpaqueValue(handle));
  }

  /** @internal */
  get handle(): Handle {
    return unwrap(this.#value);
  }

  /** Writes a value, a string as UTF-8. */
  async set(key: string, value: string | Uint8Array): Promise<void> {
    checkKey('set', key);
    await native.storeSet(this.handle, key, bytesOf('Store.set value', value));
  }

  /** The value of a key, which is waited for until the store's timeout. */
  async get(key: string): Promise<Uint8Array> {
    checkKey('get', key);
    return await native.storeGet(this.handle, key);
  }

  /** Adds to a number that is 0 at first, for all processes at once. @returns the new number */
  async add(key: string, amount: number): Promise<number> {
    checkKey('add', key);
    checkInteger('Store.add amount', amount, Number.MIN_SAFE_INTEGER);
    return await native.storeAdd(this.handle, key, amount);
  }

  /** Writes `desired` where the value is `expected`, or where there is none and `expected` is empty. @returns what is there now */
  async compareSet(
    key: string,
    expected: string | Uint8Array,
    desired: string | Uint8Array,
  ): Promise<Uint8Array> {
    checkKey('compareSet', key);
    const [before, after] = [expected, desired].map((value) => bytesOf('Store.compareSet', value));
    return await native.storeCompareSet(this.handle, key, before as Uint8Array, after as Uint8Array);
  }

  /** Whether all of these keys are there. */
  async check(keys: readonly string[]): Promise<boolean> {
    checkTexts('Store.check keys', 'keys', keys);
    return await native.storeCheck(this.handle, keys);
  }

  /** Whether there was such a key to delete. */
  async deleteKey(key: string): Promise<boolean> {
    checkKey('deleteKey', key);
    return await native.storeDeleteKey(this.handle, key);
  }

  /** How many keys there are, those of c10d's own among them. */
  async numKeys(): Promise<number> {
    return await native.storeNumKeys(this.handle);
  }

  /** Waits until all of these keys are there. @throws TorchError after `timeout` milliseconds */
  async wait(keys: readonly string[], timeout = DEFAULT_TIMEOUT): Promise<void> {
    checkTexts('Store.wait keys', 'keys', keys);
    checkTimeout('Store.wait timeout', timeout);
    await native.storeWait(this.handle, keys, timeout);
  }

  /** How many milliseconds `get` and `wait` wait. */
  setTimeout(timeout: number): void {
    checkTimeout('Store.setTimeout timeout', timeout);
    native.storeSetTimeout(this.handle, timeout);
  }
}

/** Five minutes, as torch's. */
export const DEFAULT_TIMEOUT = 300_000;

/** A store within this process. */
export class HashStore extends Store {
  constructor() {
    checkPositions('HashStore', arguments, 0);
    super(native.hashStore());
  }
}

/** A store in a file that all processes see. The file should be new, and is not removed. */
export class FileStore extends Store {
  readonly path: string;

  /** @param worldSize how many processes use it; -1 where that is not known */
  constructor(path: string, worldSize = -1) {
    checkPositions('FileStore', arguments, 2);
    checkText('FileStore path', 'a path', path);
    checkInteger('FileStore worldSize', worldSize, -1);
    super(native.fileStore(path, worldSize));
    this.path = path;
  }
}

/** A part of a store: its keys begin with the prefix. */
export class PrefixStore extends Store {
  readonly prefix: string;
  readonly underlyingStore: Store;

  constructor(prefix: string, store: Store) {
    checkPositions('PrefixStore', arguments, 2);
    checkText('PrefixStore prefix', 'a prefix', prefix);
    if (!(store instanceof Store))
      throw new TypeError(`Expected a Store for PrefixStore, got ${describeValue(store)}`);
    super(native.prefixStore(prefix, store.handle));
    this.prefix = prefix;
    this.underlyingStore = store;
  }
}

function checkKey(method: string, key: unknown): void {
  checkText(`Store.${method} key`, 'a key', key);
}

function bytesOf(owner: string, value: unknown): Uint8Array {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`Expected a string or a Uint8Array for ${owner}, got ${describeValue(value)}`);
}
