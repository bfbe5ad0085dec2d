import { Tensor } from '../../tensor/index.ts';

/**
 * A batch with its tensors in page-locked memory; arrays, Maps and plain objects are looked into, as torch's loader
 * does.
 *
 * @throws TorchError where there is no CUDA.
 */
export function pinned<Batch>(batch: Batch): Batch {
  return pin(batch) as Batch;
}

function pin(value: unknown): unknown {
  if (value instanceof Tensor) return value.pinMemory();
  if (Array.isArray(value)) return value.map(pin);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, pin(item)]));
  if (typeof value !== 'object' || value === null) return value;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pin(item)]));
}
