import { unsupported } from '../errors.ts';
import { asItems, describe, Mismatch } from './checks.ts';
import { PyGlobal } from './globals.ts';
import type { Environment, Machine } from './machine.ts';
import { storageFromId } from './rebuild.ts';
import type { PyStorage } from './values.ts';

/** The environment of pickles that refer to storages, as torch writes them; remembers the storages, by key. */
export class TorchEnvironment implements Environment {
  readonly storages = new Map<string, PyStorage>();
  readonly fileSize: number;
  readonly warn: (message: string) => void;

  constructor(fileSize: number, warn: (message: string) => void) {
    this.fileSize = fileSize;
    this.warn = warn;
  }

  persistentLoad(id: unknown, machine: Machine): PyStorage {
    const storage = storageReference(id, machine);
    if (!this.storages.has(storage.key)) this.storages.set(storage.key, storage);
    return storage;
  }
}

/** The environment of pickles that hold plain values only. */
export const PLAIN_ENVIRONMENT: Environment = {
  fileSize: 0,
  persistentLoad() {
    throw new Mismatch('a persistent id outside the object');
  },
  warn() {},
};

function storageReference(id: unknown, machine: Machine): PyStorage {
  const items = asItems(id, 'a persistent id');
  if (items[0] === 'module') throw wholeModule(machine);
  if (items[0] !== 'storage') throw new Mismatch(`unknown persistent id ${describe(items[0])}`);
  const type = items[1];
  if (!(type instanceof PyGlobal) || type.meaning.kind !== 'storage') {
    throw new Mismatch(`expected a storage class, got ${describe(type)}`);
  }
  return storageFromId(items, type.meaning.dtype);
}

function wholeModule(machine: Machine): Error {
  const advice = 'save the state dict in Python instead: torch.save(model.state_dict(), path)';
  return unsupported(machine.origin, 'holds a whole module', advice, machine.keyPath());
}
