import { copyAll, exclusivePairs } from '../../tensor/copy.ts';
import type { Tensor } from '../../tensor/index.ts';
import type { Module } from '../module/module.ts';
import { isParameter, Parameter } from '../module/parameter.ts';
import type { Assignment, LoadPlan } from './load-plan.ts';

/**
 * Puts the tensors of a plan into their places: by copying, by taking all (`true`), or by taking what nobody else has
 * (`'compatible'`), so that places share memory afterwards only where they did before.
 */
export function carryOut(root: Module, { assignments }: LoadPlan, mode: boolean | 'compatible'): void {
  const taken = takenOf(root, assignments, mode);
  if (taken === undefined) {
    copy(assignments);
    return;
  }
  // What lies on meta has no memory to copy into.
  const isAssigned = (assignment: Assignment) => assignment.isMeta || taken.has(assignment);
  const made = new Map<Tensor, Tensor>();
  for (const assignment of assignments.filter(isAssigned)) assign(assignment, taken.has(assignment), made);
  copy(assignments.filter((assignment) => !isAssigned(assignment)));
}

function copy(assignments: readonly Assignment[]): void {
  if (assignments.length > 0) copyAll(assignments.map(targetOf), assignments.map(sourceOf));
}

function takenOf(
  root: Module,
  assignments: readonly Assignment[],
  mode: boolean | 'compatible',
): ReadonlySet<Assignment> | undefined {
  if (typeof mode === 'boolean') return mode ? new Set(assignments) : undefined;
  const whole = assignments.filter(({ isFlat }) => !isFlat);
  const owned = [...root.parameters(), ...root.buffers()];
  const indices = exclusivePairs(whole.map(targetOf), whole.map(sourceOf), owned);
  return new Set(indices.map((index) => whole[index] as Assignment));
}

function targetOf({ target }: Assignment): Tensor {
  return target;
}

function sourceOf({ source, isFlat }: Assignment): Tensor {
  return isFlat ? source.reshape([]) : source;
}

/** The tensors of the state dict may be disposed afterwards: what is taken is their memory. */
function assign(assignment: Assignment, isTaken: boolean, made: Map<Tensor, Tensor>): void {
  const { module, name, target, isMeta } = assignment;
  if (!isMeta) {
    target.setData(sourceOf(assignment));
    return;
  }
  const known = made.get(target) ?? replacement(assignment, isTaken);
  made.set(target, known);
  if (isParameter(known)) module.registerParameter(name, known);
  else module.registerBuffer(name, known);
}

/** For a tensor on meta. One that stands in several places is replaced by one. */
function replacement(assignment: Assignment, isTaken: boolean): Tensor {
  const { target } = assignment;
  const source = sourceOf(assignment).detach();
  const value = isTaken ? source : source.clone();
  return isParameter(target) ? new Parameter(value, { requiresGrad: target.requiresGrad }) : value;
}
