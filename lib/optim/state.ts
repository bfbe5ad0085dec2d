import { keep, noGrad, ops, scope, Tensor } from '../tensor/index.ts';

/** What an optimizer remembers about a parameter. */
export type StateValue = Tensor | number | boolean | null;

/** PyTorch's layout: state by parameter number, and groups that list those numbers. */
export interface OptimizerState {
  state: Map<number, Record<string, StateValue>>;
  param_groups: ({ params: number[] } & Record<string, unknown>)[];
}

interface Group {
  params: Tensor[];
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function renamed<T>(record: Iterable<readonly [string, T]>, rename: (name: string) => string): [string, T][] {
  return [...record].map(([key, value]) => [rename(key), value]);
}

export function packState(
  groups: readonly Group[],
  state: ReadonlyMap<Tensor, Record<string, StateValue>>,
): OptimizerState {
  const params = groups.flatMap((group) => group.params);
  const packed: OptimizerState = { state: new Map(), param_groups: [] };
  for (const [i, param] of params.entries()) {
    const entry = state.get(param);
    if (entry !== undefined)
      packed.state.set(i, Object.fromEntries(renamed(Object.entries(entry), snakeCase)));
  }
  let first = 0;
  for (const group of groups) {
    const { params: members, ...options } = group;
    const numbers = members.map((_, i) => first + i);
    first += members.length;
    packed.param_groups.push({
      ...Object.fromEntries(renamed(Object.entries(options), snakeCase)),
      params: numbers,
    });
  }
  return packed;
}

/** Entries of a Map or object; `load()` gives either. */
function entriesOf(value: unknown, what: string): [unknown, unknown][] {
  if (value instanceof Map) return [...value];
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value);
  throw new TypeError(`Expected a Map or object for ${what}, got ${value === null ? 'null' : typeof value}`);
}

function readGroups(name: string, saved: unknown, groups: readonly Group[]): Map<string, unknown>[] {
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

/**
 * A copy with the parameter's device, dtype and strides: the next step does not change the loaded state dict, and
 * libtorch's fused CPU kernels walk memory without a look at strides.
 */
function restored(name: string, key: string, value: unknown, param: Tensor): StateValue {
  if (!(value instanceof Tensor)) return value as StateValue;
  const [have, got] = [param.shape.join(', '), value.shape.join(', ')];
  if (value.dim() > 0 && have !== got) {
    throw new RangeError(`Expected shape [${have}] for ${name} state "${key}", got [${got}]`);
  }
  const dtype = value.isFloatingPoint() ? param.dtype : value.dtype;
  return noGrad(() =>
    scope(() => {
      if (value.dim() === 0) return keep(value.to({ device: param.device, dtype, copy: true }));
      return keep(ops.aten.empty_like(param, { dtype }).copy_(value));
    }),
  );
}

/** Options are numbers here; PyTorch also takes a learning rate as a scalar tensor. */
function optionOf(value: unknown): unknown {
  return value instanceof Tensor && value.numel() === 1 ? value.item() : value;
}

export function unpackState(
  name: string,
  input: unknown,
  groups: readonly Group[],
  state: Map<Tensor, Record<string, StateValue>>,
): void {
  const top = new Map(entriesOf(input, `${name}.loadStateDict`));
  const savedGroups = readGroups(name, top.get('param_groups'), groups);
  const byNumber = new Map<string, Tensor>();
  for (const [i, group] of savedGroups.entries()) {
    const numbers = group.get('params') as unknown[];
    for (const [j, number] of numbers.entries()) byNumber.set(String(number), groups[i]?.params[j] as Tensor);
  }
  const next = new Map<Tensor, Record<string, StateValue>>();
  for (const [number, entry] of entriesOf(top.get('state'), `${name} state`)) {
    const param = byNumber.get(String(number));
    if (param === undefined)
      throw new RangeError(`Expected state of listed parameters for ${name}, got ${number}`);
    const values = entriesOf(entry, `${name} state ${number}`).map(([key, value]) => {
      return [camelCase(String(key)), restored(name, String(key), value, param)] as const;
    });
    next.set(param, Object.fromEntries(values));
  }
  state.clear();
  for (const [param, entry] of next) state.set(param, entry);
  for (const [i, saved] of savedGroups.entries()) {
    saved.delete('params');
    const options = renamed(saved, camelCase).map(([key, value]) => [key, optionOf(value)] as const);
    Object.assign(groups[i] as Group, Object.fromEntries(options));
  }
}
