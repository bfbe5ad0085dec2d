import { messageOf } from '../../errors.ts';
import { layoutOf } from '../dtypes.ts';
import { blockedGlobal, corrupt, type Origin, overLimit, printable, unsupported } from '../errors.ts';
import { InertGlobal, InertObject } from '../inert.ts';
import { attachMetadata, markDict } from '../metadata.ts';
import { Mismatch } from '../pickle/checks.ts';
import { keyText } from '../pickle/key-path.ts';
import { fieldsOf, numpyDTypeText } from '../pickle/numpy.ts';
import { PyGlobal } from '../pickle/py-global.ts';
import type { TensorBackend } from '../storage/backend.ts';
import { itemsizeOf, type StorageTable } from '../storage/storage-table.ts';
import {
  type DictKind,
  PyArray,
  PyBuilt,
  PyComplex,
  PyDict,
  PyDType,
  PyName,
  PyNumpyDType,
  PyObject,
  PySet,
  PyStorage,
  PyTensor,
  PyTuple,
  PyUnbuilt,
  type TensorFields,
} from '../values.ts';
import { hasNamesOnly } from './integer-keys.ts';

const DEEPEST = 500;
const KINDS_OF_OBJECTS: ReadonlySet<DictKind> = new Set(['dict', 'defaultdict', 'namespace']);

/**
 * Turns a description into plain objects, Maps and tensors. What is one object in the file (a shared list, a tied
 * weight) is one object in the result, cycles included.
 */
export class Materializer {
  readonly #origin: Origin;
  readonly #backend: TensorBackend;
  readonly #storages: StorageTable;
  readonly #unknown: 'describe' | 'refuse';
  readonly #made = new Map<object, unknown>();
  readonly #path: string[] = [];

  constructor(
    origin: Origin,
    backend: TensorBackend,
    storages: StorageTable,
    unknown: 'describe' | 'refuse' = 'describe',
  ) {
    this.#origin = origin;
    this.#backend = backend;
    this.#storages = storages;
    this.#unknown = unknown;
  }

  /** The JavaScript value for a described one. */
  value(described: unknown): unknown {
    if (typeof described !== 'object' || described === null) return described;
    const made = this.#made.get(described);
    if (made !== undefined) return made;
    if (ArrayBuffer.isView(described)) return described;
    if (this.#path.length > DEEPEST) throw overLimit(this.#origin, `nested more than ${DEEPEST} levels deep`);
    return this.#container(described) ?? this.#leaf(described);
  }

  #container(described: object): unknown {
    if (Array.isArray(described)) return this.#list(described, described);
    if (described instanceof PyTuple) return Object.freeze(this.#list(described, described.items));
    if (described instanceof PyDict) return this.#dict(described);
    if (described instanceof PyObject) return this.#object(described);
    return described instanceof PySet ? this.#set(described) : undefined;
  }

  #leaf(described: object): unknown {
    if (described instanceof PyTensor) return this.#remember(described, this.#tensor(described.fields));
    if (described instanceof PyStorage) return this.#storage(described);
    if (described instanceof PyComplex) return this.#backend.complex(described.re, described.im);
    if (described instanceof PyName) return described.name;
    if (described instanceof PyDType) return described.dtype;
    if (described instanceof PyGlobal) return this.#remember(described, this.#global(described));
    if (described instanceof PyNumpyDType) return this.#remember(described, this.#numpyDType(described));
    if (described instanceof PyArray) return this.#remember(described, this.value(described.value ?? null));
    if (described instanceof PyBuilt) return this.#remember(described, this.#built(described));
    if (described instanceof PyUnbuilt) return this.#remember(described, this.#unbuilt(described));
    throw corrupt(this.#origin, 'an object of no known kind', this.#key());
  }

  #remember<T>(described: object, made: T): T {
    this.#made.set(described, made);
    return made;
  }

  #at(step: unknown, described: unknown): unknown {
    this.#path.push(keyText(step));
    const made = this.value(described);
    this.#path.pop();
    return made;
  }

  #list(described: object, items: readonly unknown[]): unknown[] {
    const list = this.#remember(described, [] as unknown[]);
    for (let i = 0; i < items.length; i++) list.push(this.#at(i, items[i]));
    return list;
  }

  #set(described: PySet): Set<unknown> {
    const set = this.#remember(described, new Set<unknown>());
    for (const item of described.items) set.add(this.#at('?', item));
    return set;
  }

  #dict(described: PyDict): unknown {
    const isObject = KINDS_OF_OBJECTS.has(described.kind);
    if (!isObject) return this.#map(described);
    return hasNamesOnly(described.entries) ? this.#record(described) : markDict(this.#map(described));
  }

  #record(described: PyDict): Record<string, unknown> {
    // Without a prototype, "__proto__" is a key like any other.
    const object: Record<string, unknown> = this.#remember(described, Object.create(null));
    for (const [key, value] of described.entries) object[key as string] = this.#at(key, value);
    return object;
  }

  #map(described: PyDict): Map<unknown, unknown> {
    const map = this.#remember(described, new Map<unknown, unknown>());
    for (const [key, value] of described.entries) map.set(this.#at('?', key), this.#at(key, value));
    const metadata = described.attributes?.entries.get('_metadata');
    if (metadata !== undefined) attachMetadata(map, this.#at('_metadata', metadata));
    return map;
  }

  /** Of a class that is not known: what the file says of it. */
  #object(described: PyObject): InertObject {
    const { className, args, keywords, state, items, entries } = described;
    return new InertObject(className, (self) => {
      this.#remember(described, self);
      return {
        args: this.#at('args', new PyTuple(args)) as readonly unknown[],
        keywords: this.#part('keywords', keywords),
        items: this.#part('items', items) as unknown[] | undefined,
        entries: this.#part('entries', entries) as Map<unknown, unknown> | undefined,
        state: this.#part('state', state),
        value: this.#valueOf(described),
      };
    });
  }

  /** What an object of a known class stands for. */
  #valueOf(described: PyObject): unknown {
    try {
      return described.value?.(described);
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      throw corrupt(this.#origin, `${described.className} with ${error.message}`, this.#key());
    }
  }

  #numpyDType(described: PyNumpyDType): InertObject {
    const fields = fieldsOf(described);
    return new InertObject('numpy.dtype', () => ({
      args: Object.freeze([described.code]),
      value: numpyDTypeText(described),
      state: fields === undefined ? undefined : this.#at('state', fields),
    }));
  }

  #unbuilt({ tensor }: PyUnbuilt): unknown {
    if (tensor !== undefined) return this.value(tensor);
    throw corrupt(this.#origin, 'a tensor that was never filled', this.#key());
  }

  #built({ recipe, requiresGrad }: PyBuilt): unknown {
    const parts = (recipe.parts as readonly unknown[]).map((part) => this.value(part));
    try {
      return this.#backend.build(recipe, parts, requiresGrad);
    } catch (error) {
      const reason = messageOf(error).split('\n')[0];
      throw corrupt(
        this.#origin,
        `a ${recipe.kind} tensor that cannot be made: ${printable(reason ?? '')}`,
        this.#key(),
      );
    }
  }

  #part(step: string, described: unknown): unknown {
    return described === undefined ? undefined : this.#at(step, described);
  }

  #global({ name, meaning }: PyGlobal): InertGlobal {
    if (meaning.kind === 'getattr') throw blockedGlobal(this.#origin, name, this.#key());
    if (this.#unknown === 'describe') return new InertGlobal(name);
    const advice = "{ unknown: 'describe' } reads it as a description";
    throw blockedGlobal(this.#origin, name, this.#key(), advice);
  }

  #storage(described: PyStorage): unknown {
    const key = this.#key();
    if (described.view) {
      throw unsupported(this.#origin, 'a view on a storage, without a tensor', 'save tensors', key);
    }
    const storage = this.#storages.resolve(described, described.dtype ?? 'uint8', key);
    return this.#remember(described, this.#backend.exposeStorage(storage));
  }

  #tensor(fields: TensorFields): unknown {
    const { storage, dtype, offset } = fields;
    const key = this.#key();
    const { itemsize } = layoutOf(dtype);
    const made = this.#storages.resolve(storage, dtype, key);
    const begin = this.#viewOffset(storage);
    const length = storage.view?.numel ?? storage.numel;
    const available = Math.floor((length * itemsizeOf(storage)) / itemsize);
    this.#checkBounds(fields, available, key);
    return this.#backend.tensor(made, begin === 0 ? fields : { ...fields, offset: begin + offset });
  }

  /** Elements before a view on a larger storage. */
  #viewOffset(storage: PyStorage): number {
    if (!storage.view) return 0;
    const { offset, numel } = storage.view;
    if (storage.dtype !== undefined && offset + numel <= storage.numel) return offset;
    throw corrupt(this.#origin, 'a storage view outside its storage', this.#key());
  }

  #checkBounds({ offset, size, stride }: TensorFields, available: number, key: string): void {
    const numel = size.reduce((product, length) => product * length, 1);
    if (!(size.includes(0) || Number.isSafeInteger(numel))) {
      throw corrupt(this.#origin, `a tensor of size [${size.join(', ')}]`, key);
    }
    const last = size.reduce((sum, length, dim) => sum + (length - 1) * (stride[dim] as number), offset);
    const end = size.includes(0) ? offset : last + 1;
    if (end <= available) return;
    const shape = `size [${size.join(', ')}], stride [${stride.join(', ')}], offset ${offset}`;
    throw corrupt(this.#origin, `a tensor (${shape}) reaches past its storage of ${available} elements`, key);
  }

  #key(): string {
    return this.#path.join('.');
  }
}
