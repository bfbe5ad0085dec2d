import { unwrap } from '../../ops/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { engine } from '../native.ts';

/** Calls `use`; until its promise settles none of the tensors can be resized, which would free what an engine reads. */
export async function withPinned<T>(tensors: Iterable<Tensor>, use: () => Promise<T>): Promise<T> {
  const pins = engine.pinMemory([...tensors].map(unwrap));
  try {
    return await use();
  } finally {
    engine.dispose(pins);
  }
}
