import { Tensor } from '../../tensor/index.ts';
import type { Module } from '../module/module.ts';

/**
 * Gives each instance-batch normalisation of `module` (children `IN` and `BN`) its share of the plain norm that the
 * entries have in its place: the first channels' scale and shift go to `IN`, the others' with their running
 * statistics to `BN`. The parts are views.
 */
export function splitNorms(module: Module, entries: ReadonlyMap<string, unknown>): Map<string, unknown> {
  const split = new Map(entries);
  const visit = (owner: Module, prefix: string): void => {
    const children = new Map(owner.namedChildren());
    const first = widthOf(children.get('IN'));
    const rest = widthOf(children.get('BN'));
    if (first > 0 && rest > 0) splitNorm(split, prefix, first, rest);
    for (const [name, child] of children) visit(child, `${prefix}${name}.`);
  };
  visit(module, '');
  return split;
}

function widthOf(norm: Module | undefined): number {
  return (
    norm
      ?.ownParameters()
      .find(([name]) => name === 'weight')?.[1]
      .numel() ?? 0
  );
}

function splitNorm(entries: Map<string, unknown>, prefix: string, first: number, rest: number): void {
  const weight = entries.get(`${prefix}weight`);
  if (!(weight instanceof Tensor) || weight.dim() !== 1 || weight.numel() !== first + rest) return;
  for (const name of ['weight', 'bias']) {
    const whole = takeVector(entries, prefix + name, first + rest);
    if (whole === undefined) continue;
    entries.set(`${prefix}IN.${name}`, whole.narrow(0, 0, first));
    entries.set(`${prefix}BN.${name}`, whole.narrow(0, first, rest));
  }
  for (const name of ['running_mean', 'running_var']) {
    const whole = takeVector(entries, prefix + name, first + rest);
    if (whole !== undefined) entries.set(`${prefix}BN.${name}`, whole.narrow(0, first, rest));
  }
  const batches = entries.get(`${prefix}num_batches_tracked`);
  if (batches === undefined) return;
  entries.delete(`${prefix}num_batches_tracked`);
  entries.set(`${prefix}BN.num_batches_tracked`, batches);
}

function takeVector(entries: Map<string, unknown>, key: string, size: number): Tensor | undefined {
  const value = entries.get(key);
  if (!(value instanceof Tensor) || value.dim() !== 1 || value.numel() !== size) return undefined;
  entries.delete(key);
  return value;
}
