import { isTensor, type Tensor } from '../../tensor/index.ts';

/** The first dimension of the first tensor. */
export function samplesIn(batch: unknown): number {
  return tensorsIn(batch)[0]?.shape[0] ?? 1;
}

export function disposeTensors(batch: unknown): void {
  for (const tensor of tensorsIn(batch)) tensor.dispose();
}

function tensorsIn(value: unknown): Tensor[] {
  if (isTensor(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (value instanceof Map) return [...value.values()].flatMap(tensorsIn);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(tensorsIn) : [];
}
