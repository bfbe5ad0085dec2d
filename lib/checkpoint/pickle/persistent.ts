import { PyFault, type PyStorage } from '../values.ts';
import { asItems, describe, Mismatch } from './checks.ts';
import type { Environment } from './machine.ts';
import { PyGlobal } from './py-global.ts';
import { storageFromId } from './rebuild.ts';

/** The environment of pickles that refer to storages, as torch writes them; remembers the storages, by key. */
export class TorchEnvironment implements Environment {
  readonly storages = new Map<string, PyStorage>();
  readonly unknown: 'describe' | 'refuse';
  readonly warn: (message: string) => void;

  constructor({ unknown, warn }: Omit<Environment, 'persistentLoad'>) {
    this.unknown = unknown;
    this.warn = warn;
  }

  /** A storage; or a module's class, which PyTorch before 1.6 wrote together with its source. */
  persistentLoad(id: unknown): unknown {
    const items = asItems(id, 'a persistent id');
    if (items[0] === 'module') return moduleClass(items[1]);
    const storage = storageReference(items);
    if (!this.storages.has(storage.key)) this.storages.set(storage.key, storage);
    return storage;
  }
}

/** The environment of pickles that hold plain values only. */
export const PLAIN_ENVIRONMENT: Environment = {
  unknown: 'refuse',
  persistentLoad() {
    throw new Mismatch('a persistent id outside the object');
  },
  warn() {},
};

function moduleClass(type: unknown): PyGlobal | PyFault {
  if (type instanceof PyGlobal || type instanceof PyFault) return type;
  throw new Mismatch(`expected a module's class, got ${describe(type)}`);
}

function storageReference(items: readonly unknown[]): PyStorage {
  if (items[0] !== 'storage') throw new Mismatch(`unknown persistent id ${describe(items[0])}`);
  const type = items[1];
  if (!(type instanceof PyGlobal) || type.meaning.kind !== 'storage') {
    throw new Mismatch(`expected a storage class, got ${describe(type)}`);
  }
  return storageFromId(items, type.meaning.dtype, type.meaning.quantized);
}
