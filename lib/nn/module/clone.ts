import { noGrad } from '../../tensor/gradients/modes.ts';
import { ops, Tensor } from '../../tensor/index.ts';
import { isParameter, Parameter } from './parameter.ts';

/** What `Cloner` asks of a module. */
export interface Cloneable {
  /** A module of its class without what the constructor makes, and with its registrations: names of buffers, hooks. */
  copyInto(cloner: Cloner): Cloneable;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Whether a tensor's numbers are a part of one storage that can be copied as a whole. */
function hasPlainStorage(x: Tensor): boolean {
  return x.layout === 'strided' && x.device !== 'meta' && !x.dtype.startsWith('q');
}

/** Copies values so that what is one object, or one memory, stays one. */
export class Cloner {
  readonly #copies = new Map<unknown, unknown>();
  /** Copies of whole storages, by address and dtype. */
  readonly #storages = new Map<string, Tensor>();
  readonly #isModule: (value: object) => value is Cloneable & object;

  constructor(isModule: (value: object) => value is Cloneable & object) {
    this.#isModule = isModule;
  }

  /** A copy of tensors, modules, arrays, Maps, Sets and plain objects; anything else is shared. */
  copy<T>(value: T): T {
    if (typeof value !== 'object' || value === null) return value;
    const known = this.#copies.get(value);
    if (known !== undefined) return known as T;
    return this.#copyObject(value) as T;
  }

  /** Notes `copy` before what is in it is copied: it may hold itself. */
  note<T>(value: object, copy: T): T {
    this.#copies.set(value, copy);
    return copy;
  }

  #copyObject(value: object): unknown {
    if (value instanceof Tensor) return this.note(value, this.#copyTensor(value));
    if (this.#isModule(value)) return value.copyInto(this);
    if (Array.isArray(value)) return this.#fill(value, [] as unknown[], (copy, item) => copy.push(item));
    if (value instanceof Map) {
      const copy = this.note(value, new Map());
      for (const [key, item] of value) copy.set(key, this.copy(item));
      return copy;
    }
    if (value instanceof Set) return this.#fill(value, new Set(), (copy, item) => copy.add(item));
    if (!isPlain(value)) return value;
    const copy = this.note(value, Object.create(Object.getPrototypeOf(value)));
    for (const [key, item] of Object.entries(value)) copy[key] = this.copy(item);
    return copy;
  }

  #fill<C>(items: Iterable<unknown> & object, copy: C, add: (copy: C, item: unknown) => void): C {
    this.note(items, copy);
    for (const item of items) add(copy, this.copy(item));
    return copy;
  }

  #copyTensor(x: Tensor): Tensor {
    const numbers = noGrad(() => this.#copyNumbers(x.detach()));
    const copy = isParameter(x) ? new Parameter(numbers) : numbers;
    copy.requiresGrad = x.requiresGrad;
    const { grad } = x;
    if (grad !== null) copy.grad = this.#copyNumbers(grad);
    return copy;
  }

  #copyNumbers(x: Tensor): Tensor {
    if (!hasPlainStorage(x)) return x.clone();
    const storage = x.untypedStorage();
    const key = `${x.device} ${storage.dataPtr()} ${x.dtype}`;
    let whole = storage.dataPtr() === 0n ? undefined : this.#storages.get(key);
    if (whole === undefined) {
      const all = ops.aten.empty([0], { dtype: x.dtype, device: x.device });
      whole = all.set_(storage, 0, [Math.floor(storage.nbytes / x.itemsize)], [1]).clone();
      this.#storages.set(key, whole);
    }
    return ops.aten.as_strided(whole, x.shape, x.stride(), x.storageOffset());
  }
}
