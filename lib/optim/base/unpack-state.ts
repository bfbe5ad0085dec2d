import { full, keep, noGrad, ops, scope, Tensor } from '../../tensor/index.ts';
import { camelCase, renamed, type StateGroup, type StateLayout, type StateValue } from './state.ts';
import { anotherKind, checkKind } from './state-kind.ts';

/** Entries of a Map or object; `load()` gives either. */
function entriesOf(value: unknown, what: string): [unknown, unknown][] {
  if (value instanceof Map) return [...value];
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value);
  throw new TypeError(`Expected a Map or object for ${what}, got ${value === null ? 'null' : typeof value}`);
}

function readGroups(name: string, saved: unknown, groups: readonly StateGroup[]): Map<string, unknown>[] {
  if (!Array.isArray(saved) || saved.length !== groups.length) {
    const got = Array.isArray(saved) ? saved.length : typeof saved;
    throw new RangeError(`Expected ${groups.length} parameter groups for ${name}.loadStateDict, got ${got}`);
  }
  return saved.map((group, i) => {
    const read = new Map(
      entriesOf(group, `parameter group ${i}`).map(([key, value]) => [String(key), value]),
    );
    const params = read.get('params');
    const wanted = groups[i]?.params.length;
    if (Array.isArray(params) && params.length === wanted) return read;
    const got = Array.isArray(params) ? params.length : typeof params;
    throw new RangeError(`Expected ${wanted} parameters in group ${i} for ${name}.loadStateDict, got ${got}`);
  });
}

/** A saved entry as `layout` has it, on the parameter's device and with its dtype; the state dict stays as it is. */
function restored(target: StateTarget, key: string, value: unknown, param: Tensor): StateValue {
  if (key === 'step') return restoredStep(value, param, target.layout.step ?? 'cpu');
  if (Array.isArray(value)) return value.map((item) => restored(target, key, item, param));
  if (!(value instanceof Tensor)) return value as StateValue;
  checkShape(target, key, value, param);
  const dtype = param.isFloatingPoint() ? param.dtype : value.dtype;
  return noGrad(() =>
    scope(() => {
      if (!sameShape(value, param)) return keep(value.to({ device: param.device, dtype, copy: true }));
      // With the parameter's strides: libtorch's fused CPU kernels walk memory without a look at them.
      return keep(ops.aten.empty_like(param, { dtype }).copy_(value));
    }),
  );
}

/** Steps are float32 in fused and CPU counters; older files of PyTorch have plain numbers. */
function restoredStep(value: unknown, param: Tensor, kind: 'cpu' | 'device' | 'number'): StateValue {
  if (kind === 'number') return value instanceof Tensor ? (value.item() as number) : (value as StateValue);
  const device = kind === 'cpu' ? 'cpu' : param.device;
  if (!(value instanceof Tensor)) return keep(full([], Number(value), { dtype: 'float32', device }));
  const dtype = kind === 'cpu' ? value.dtype : 'float32';
  return keep(value.to({ device, dtype, copy: true }));
}

const sameShape = (a: Tensor, b: Tensor): boolean => a.shape.join() === b.shape.join();

function checkShape({ name, layout }: StateTarget, key: string, value: Tensor, param: Tensor): void {
  const wanted = layout.shapeOf === undefined ? defaultShape(value, param) : layout.shapeOf(key, param);
  if (wanted === undefined || wanted.join() === value.shape.join()) return;
  const [have, got] = [wanted.join(', '), value.shape.join(', ')];
  throw new RangeError(`Expected shape [${have}] for ${name} state "${key}", got [${got}]`);
}

const defaultShape = (value: Tensor, param: Tensor) => (value.dim() === 0 ? undefined : param.shape);

/** Options are numbers here; PyTorch also takes a learning rate as a scalar tensor. */
function optionOf(value: unknown): unknown {
  return value instanceof Tensor && value.numel() === 1 ? value.item() : value;
}

/** The optimizer that a state dict is to be read into. */
export interface StateTarget {
  readonly name: string;
  readonly groups: readonly StateGroup[];
  readonly state: Map<Tensor, Record<string, StateValue>>;
  /** What it remembers about a parameter. */
  readonly layout: StateLayout;
  /** Its options. */
  readonly options: readonly string[];
  /** Throws unless the options can be used. */
  checkGroup(options: object): void;
}

/** Reads PyTorch's layout. Nothing is changed unless all of it fits. */
export function unpackState(input: unknown, target: StateTarget): void {
  const { name, groups, state } = target;
  const top = new Map(entriesOf(input, `${name}.loadStateDict`));
  const savedGroups = readGroups(name, top.get('param_groups'), groups);
  for (const saved of savedGroups) checkKind(target, saved.keys());
  const byNumber = new Map<string, Tensor>();
  for (const [i, group] of savedGroups.entries()) {
    const numbers = group.get('params') as unknown[];
    for (const [j, number] of numbers.entries()) byNumber.set(String(number), groups[i]?.params[j] as Tensor);
  }
  const entries = entriesOf(top.get('state'), `${name} state`);
  const options = savedGroups.map((saved, i) => optionsOf(target, saved, groups[i] as StateGroup));
  const next = entries.map(([number, entry]) => readEntry(target, String(number), entry, byNumber));
  state.clear();
  for (const [param, entry] of next) state.set(param, entry);
  for (const [i, saved] of options.entries()) Object.assign(groups[i] as StateGroup, saved);
}

function readEntry(
  target: StateTarget,
  number: string,
  entry: unknown,
  byNumber: ReadonlyMap<string, Tensor>,
): [Tensor, Record<string, StateValue>] {
  const { name, layout } = target;
  const param = byNumber.get(number);
  if (param === undefined)
    throw new RangeError(`Expected state of listed parameters for ${name}, got ${number}`);
  const values = entriesOf(entry, `${name} state ${number}`).map(([key, value]) => {
    if (!layout.names.includes(String(key))) throw anotherKind(name, `state "${String(key)}"`);
    return [camelCase(String(key)), restored(target, String(key), value, param)] as const;
  });
  return [param, Object.fromEntries(values)];
}

/** The saved options over those that the group has, which stay where an older file has none. */
function optionsOf(target: StateTarget, saved: ReadonlyMap<string, unknown>, group: StateGroup): object {
  const given = [...saved].filter(([key]) => key !== 'params');
  const options = renamed(given, camelCase).map(([key, value]) => [key, optionOf(value)] as const);
  const read = Object.fromEntries(options);
  target.checkGroup({ ...group, ...read });
  return read;
}
