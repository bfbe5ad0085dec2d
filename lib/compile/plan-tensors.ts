import { isTensor, type Tensor } from '../tensor/index.ts';
import type { Plan } from './cpu/plan.ts';
import type { CudaPlan } from './cuda/plan.ts';

/** A copy of a plan, or part of one, with `replace(tensor)` in the place of each tensor. */
export function replaceTensors(value: unknown, replace: (tensor: Tensor) => unknown): unknown {
  if (isTensor(value)) return replace(value);
  if (Array.isArray(value)) return value.map((item) => replaceTensors(item, replace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceTensors(item, replace)]));
}

/** The tensors of a plan, each once. */
export function tensorsOf(plan: Plan | CudaPlan): Tensor[] {
  const found = new Set<Tensor>();
  replaceTensors(plan, (tensor) => found.add(tensor));
  return [...found];
}
