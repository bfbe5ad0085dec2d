import { isTensor, type Tensor } from '../../tensor/index.ts';

/** The tensors in what a forward gives: in arrays, Maps and plain objects. */
export function tensorsIn(value: unknown): Tensor[] {
  if (isTensor(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (value instanceof Map) return [...value.values()].flatMap(tensorsIn);
  return isPlain(value) ? Object.values(value).flatMap(tensorsIn) : [];
}

/** The same with other tensors in their places; containers are made anew. */
export function withTensors(value: unknown, replace: (tensor: Tensor) => Tensor): unknown {
  if (isTensor(value)) return replace(value);
  if (Array.isArray(value)) return value.map((item) => withTensors(item, replace));
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [key, withTensors(item, replace)]));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withTensors(item, replace)]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
