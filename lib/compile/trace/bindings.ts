import { Tensor } from '../../tensor/index.ts';
import type { TraceArg } from './types.ts';

/** Memory that tensors may share. */
interface Memory {
  /** Counts the writes. */
  version: number;
  /** The last op that wrote. */
  writer: string;
}

/** What a tensor object stands for. */
export interface Bound {
  readonly arg: TraceArg & { kind: 'value' | 'constant' };
  readonly memory: Memory;
  /** The memory's version that it holds: an older one was overwritten through another tensor. */
  readonly version: number;
}

/** Address of a tensor's memory, where it has any; tensors that are alive share it only if they share memory. */
export function addressOf(tensor: Tensor): bigint | undefined {
  if (tensor.layout !== 'strided' || tensor.numel() === 0) return undefined;
  const storage = tensor.untypedStorage();
  try {
    return storage.dataPtr();
  } finally {
    storage.dispose();
  }
}

/** What every tensor object of a running trace stands for, and who shares memory with whom. */
export class Bindings {
  readonly #bound = new Map<Tensor, Bound>();

  get(tensor: Tensor): Bound | undefined {
    return this.#bound.get(tensor);
  }

  /** Whether the memory was overwritten since through another tensor, and by which op. */
  overwrittenBy(tensor: Tensor): string | undefined {
    const bound = this.#bound.get(tensor);
    if (bound === undefined || bound.version === bound.memory.version) return undefined;
    return bound.memory.writer;
  }

  /** A tensor with memory of its own. */
  bindNew(tensor: Tensor, arg: Bound['arg']): Bound {
    const bound = { arg, memory: { version: 0, writer: '' }, version: 0 };
    this.#bound.set(tensor, bound);
    return bound;
  }

  /** A result of an op on `sources`, which it may share memory with. */
  bindResult(tensor: Tensor, arg: Bound['arg'], sources: readonly Tensor[]): void {
    const own = addressOf(tensor);
    const source = own === undefined ? undefined : sources.find((candidate) => addressOf(candidate) === own);
    const shared = source === undefined ? undefined : this.#bound.get(source);
    if (shared === undefined) this.bindNew(tensor, arg);
    else this.#bound.set(tensor, { arg, memory: shared.memory, version: shared.version });
  }

  /** An op wrote to the tensor's memory, which from now on is `arg`; all others over it are out of date. */
  bindWritten(tensor: Tensor, arg: Bound['arg'], writer: string): void {
    const { memory } = this.#bound.get(tensor) ?? this.bindNew(tensor, arg);
    memory.version += 1;
    memory.writer = writer;
    this.#bound.set(tensor, { arg, memory, version: memory.version });
  }
}

/** Every tensor in `value`, looking into lists. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  return Array.isArray(value) ? value.flatMap(tensorsIn) : [];
}
