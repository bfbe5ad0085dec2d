import { isTensor, type Tensor } from '../../tensor/index.ts';
import { InertObject } from '../inert.ts';
import { isTensorLike } from '../storage/planned-backend.ts';

type Entries = ReadonlyMap<unknown, unknown>;

/** Whether a loaded value is a whole module: an object with the parts that `torch.nn.Module` gives every one. */
export function isModule(value: unknown): value is InertObject {
  return (
    value instanceof InertObject &&
    partOf(value, '_parameters') !== undefined &&
    partOf(value, '_modules') !== undefined
  );
}

/**
 * The state dict of a whole module, as `torch.nn.Module.state_dict` (PyTorch 2.13.0, nn/modules/module.py) makes it:
 * parameters, then persistent buffers, then the modules inside; a tensor with two names is there twice, as one object.
 */
export function moduleStateDict(module: InertObject): Map<string, Tensor> {
  const collector = new Collector();
  collector.add(module, '');
  return collector.stateDict;
}

class Collector {
  readonly stateDict = new Map<string, Tensor>();
  readonly #detached = new Map<Tensor, Tensor>();
  readonly #open = new Set<InertObject>();

  add(module: InertObject, prefix: string): void {
    // A module that holds itself has no state dict in Python either.
    if (this.#open.has(module)) return;
    this.#open.add(module);
    this.#addTensors(partOf(module, '_parameters'), prefix, NONE);
    this.#addTensors(partOf(module, '_buffers'), prefix, transientNames(module));
    for (const [name, inner] of partOf(module, '_modules') ?? []) {
      if (inner instanceof InertObject) this.add(inner, `${prefix}${name}.`);
    }
    this.#open.delete(module);
  }

  #addTensors(entries: Entries | undefined, prefix: string, without: ReadonlySet<unknown>): void {
    for (const [name, tensor] of entries ?? []) {
      if (isTensorLike(tensor) && !without.has(name))
        this.stateDict.set(`${prefix}${name}`, this.#plain(tensor));
    }
  }

  /** Without `requiresGrad`; one object for one. */
  #plain(tensor: Tensor): Tensor {
    if (!isTensor(tensor) || !tensor.requiresGrad) return tensor;
    const plain = this.#detached.get(tensor) ?? tensor.detach();
    this.#detached.set(tensor, plain);
    return plain;
  }
}

const NONE: ReadonlySet<unknown> = new Set();

/** Names of buffers that are not saved; modules from before PyTorch 1.6 have none. */
function transientNames(module: InertObject): ReadonlySet<unknown> {
  const names = attribute(module, '_non_persistent_buffers_set');
  return names instanceof Set ? names : new Set(Array.isArray(names) ? names : []);
}

function partOf(module: InertObject, name: string): Entries | undefined {
  const part = attribute(module, name);
  if (part instanceof Map) return part;
  const isRecord = typeof part === 'object' && part !== null && Object.getPrototypeOf(part) === null;
  return isRecord ? new Map(Object.entries(part)) : undefined;
}

function attribute({ state }: InertObject, name: string): unknown {
  if (state instanceof Map) return state.get(name);
  const isRecord = typeof state === 'object' && state !== null && Object.hasOwn(state, name);
  return isRecord ? (state as Record<string, unknown>)[name] : undefined;
}
