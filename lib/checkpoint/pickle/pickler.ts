import { layoutOf, type StoredDType } from '../dtypes.ts';
import { metadataOf, wasDict } from '../metadata.ts';
import type { InspectedStorage, InspectedTensor, TensorSource } from '../storage/tensor-source.ts';
import { Emitter } from './emitter.ts';
import { OPCODES as OP } from './opcodes.ts';
import { isPlainObject, kindOf } from './plain-objects.ts';

const DEEPEST = 500;

/** A pickled object and the storages it refers to, by their keys "0", "1", ... */
export interface Pickled {
  readonly bytes: Uint8Array;
  readonly storages: readonly InspectedStorage[];
}

/** Pickles plain values and tensors the way `torch.save` does. */
export function pickle(value: unknown, source: TensorSource): Pickled {
  return new Pickler(source).dump(value);
}

interface StoredEntry {
  readonly key: string;
  readonly dtype: StoredDType | undefined;
}

class Pickler {
  readonly #emitter = new Emitter();
  readonly #source: TensorSource;
  readonly #memo = new Map<object, number>();
  readonly #open = new Set<object>();
  readonly #path: string[] = [];
  readonly #entries = new Map<unknown, StoredEntry>();
  readonly #storages: InspectedStorage[] = [];

  constructor(source: TensorSource) {
    this.#source = source;
  }

  dump(value: unknown): Pickled {
    this.#emitter.op(OP.PROTO, 2);
    this.#value(value);
    this.#emitter.op(OP.STOP);
    return { bytes: this.#emitter.bytes(), storages: this.#storages };
  }

  #value(value: unknown): void {
    if (value === null) this.#emitter.op(OP.NONE);
    else if (typeof value === 'boolean') this.#emitter.boolean(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'bigint') this.#bigint(value);
    else if (typeof value === 'string') this.#emitter.string(value);
    else if (typeof value === 'object') this.#object(value as object);
    else throw this.#refuse(typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`);
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#emitter.integer(value);
    else this.#emitter.float(value);
  }

  #bigint(value: bigint): void {
    const fits = BigInt.asIntN(2040, value) === value;
    if (!fits)
      throw new RangeError(`Expected an integer of at most 2040 bits for ${this.#place()}, got a longer one`);
    this.#emitter.integer(value);
  }

  #object(value: object): void {
    const known = this.#memo.get(value);
    if (known !== undefined) this.#emitter.get(known);
    else if (this.#path.length > DEEPEST) throw this.#tooDeep();
    else if (!this.#plain(value) && !this.#special(value)) {
      throw this.#refuse(kindOf(value));
    }
  }

  /** Containers and bytes; false for anything else. */
  #plain(value: object): boolean {
    if (Array.isArray(value)) Object.isFrozen(value) ? this.#tuple(value) : this.#list(value);
    else if (value instanceof Map) wasDict(value) ? this.#dict(value, value) : this.#orderedDict(value);
    else if (value instanceof Set) this.#set(value);
    else if (value instanceof Uint8Array) this.#bytes(value);
    else if (isPlainObject(value)) this.#dict(value, Object.entries(value));
    else return false;
    return true;
  }

  /** Tensors, storages and complex numbers; false for anything else. */
  #special(value: object): boolean {
    const tensor = this.#source.tensor(value, this.#place());
    const storage = tensor ? undefined : this.#source.storage(value);
    const complex = tensor || storage ? undefined : this.#source.complex(value);
    if (tensor) this.#tensor(value, tensor);
    if (storage) this.#persistentId(storage, undefined);
    if (complex) this.#complex(complex);
    return Boolean(tensor || storage || complex);
  }

  #at(step: unknown, value: unknown): void {
    this.#path.push(typeof step === 'object' ? '?' : String(step));
    this.#value(value);
    this.#path.pop();
  }

  #remember(value: object): void {
    this.#memo.set(value, this.#emitter.put());
  }

  #list(value: readonly unknown[]): void {
    this.#emitter.op(OP.EMPTY_LIST);
    this.#remember(value);
    this.#emitter.op(OP.MARK);
    for (let i = 0; i < value.length; i++) this.#at(i, value[i]);
    this.#emitter.op(OP.APPENDS);
  }

  #tuple(value: readonly unknown[]): void {
    this.#closed(value, () => {
      this.#emitter.op(OP.MARK);
      for (let i = 0; i < value.length; i++) this.#at(i, value[i]);
      this.#emitter.op(OP.TUPLE);
    });
  }

  #set(value: ReadonlySet<unknown>): void {
    this.#closed(value, () => {
      this.#emitter.global('__builtin__', 'set');
      this.#emitter.op(OP.EMPTY_LIST, OP.MARK);
      for (const item of value) this.#at('?', item);
      this.#emitter.op(OP.APPENDS, OP.TUPLE1, OP.REDUCE);
    });
  }

  /** Writes a container that Python makes only after its items, so that it cannot hold itself. */
  #closed(value: object, write: () => void): void {
    if (this.#open.has(value)) throw this.#refuse('a tuple or set that holds itself');
    this.#open.add(value);
    write();
    this.#open.delete(value);
    this.#remember(value);
  }

  #dict(value: object, entries: Iterable<readonly [unknown, unknown]>): void {
    this.#emitter.op(OP.EMPTY_DICT);
    this.#remember(value);
    this.#items(entries);
  }

  #orderedDict(value: ReadonlyMap<unknown, unknown>): void {
    this.#emptyOrderedDict();
    this.#remember(value);
    this.#items(value);
    const metadata = metadataOf(value);
    if (metadata === undefined) return;
    this.#emitter.op(OP.EMPTY_DICT, OP.MARK);
    this.#emitter.string('_metadata');
    this.#at('_metadata', metadata);
    this.#emitter.op(OP.SETITEMS, OP.BUILD);
  }

  #emptyOrderedDict(): void {
    this.#emitter.global('collections', 'OrderedDict');
    this.#emitter.op(OP.EMPTY_TUPLE, OP.REDUCE);
  }

  #items(entries: Iterable<readonly [unknown, unknown]>): void {
    this.#emitter.op(OP.MARK);
    for (const [key, item] of entries) {
      this.#at('?', key);
      this.#at(key, item);
    }
    this.#emitter.op(OP.SETITEMS);
  }

  #bytes(value: Uint8Array): void {
    this.#emitter.global('_codecs', 'encode');
    this.#emitter.text(Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1'));
    this.#emitter.string('latin1');
    this.#emitter.op(OP.TUPLE2, OP.REDUCE);
    this.#remember(value);
  }

  #complex([re, im]: readonly [number, number]): void {
    this.#emitter.global('__builtin__', 'complex');
    this.#emitter.float(re);
    this.#emitter.float(im);
    this.#emitter.op(OP.TUPLE2, OP.REDUCE);
  }

  #tensor(value: object, tensor: InspectedTensor): void {
    const { storageClass } = layoutOf(tensor.dtype);
    this.#emitter.global('torch._utils', storageClass ? '_rebuild_tensor_v2' : '_rebuild_tensor_v3');
    this.#emitter.op(OP.MARK);
    this.#persistentId(tensor.storage, storageClass ? tensor.dtype : undefined);
    this.#emitter.integer(tensor.offset);
    this.#emitter.integers(tensor.size);
    this.#emitter.integers(tensor.stride);
    this.#emitter.boolean(tensor.requiresGrad);
    this.#emptyOrderedDict();
    if (!storageClass) this.#emitter.global('torch', tensor.dtype);
    this.#emitter.op(OP.TUPLE, OP.REDUCE);
    this.#remember(value);
  }

  #persistentId(storage: InspectedStorage, dtype: StoredDType | undefined): void {
    const storageClass = dtype && layoutOf(dtype).storageClass;
    const itemsize = dtype ? layoutOf(dtype).itemsize : 1;
    this.#emitter.op(OP.MARK);
    this.#emitter.string('storage');
    if (storageClass) this.#emitter.global('torch', storageClass);
    else this.#emitter.global('torch.storage', 'UntypedStorage');
    this.#emitter.string(this.#entry(storage, dtype).key);
    this.#emitter.string(storage.location);
    this.#emitter.integer(Math.floor(storage.nbytes / itemsize));
    this.#emitter.op(OP.TUPLE, OP.BINPERSID);
  }

  /** PyTorch reads a storage with one dtype only, and so refuses to write one with two. */
  #entry(storage: InspectedStorage, dtype: StoredDType | undefined): StoredEntry {
    const known = this.#entries.get(storage.identity);
    if (known && known.dtype !== dtype) {
      const both = `${known.dtype ?? 'bytes'} and ${dtype ?? 'bytes'}`;
      throw new RangeError(
        `Expected one dtype on a storage for ${this.#place()}, got ${both}; save a clone()`,
      );
    }
    const entry = known ?? { key: String(this.#storages.length), dtype };
    if (!known) this.#storages.push(storage);
    this.#entries.set(storage.identity, entry);
    return entry;
  }

  #tooDeep(): RangeError {
    return new RangeError(`Expected at most ${DEEPEST} levels in a checkpoint, got more at ${this.#place()}`);
  }

  #place(): string {
    return this.#path.length > 0 ? `"${this.#path.join('.')}"` : 'the saved value';
  }

  #refuse(what: string): TypeError {
    const kinds = 'tensors, numbers, strings, booleans, null, bytes, arrays, Maps, Sets and plain objects';
    return new TypeError(`Expected ${kinds} for ${this.#place()}, got ${what}`);
  }
}
