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

/** The optimizer that a state dict is to be read into. */
export interface StateTarget {
  readonly name: string;
  readonly groups: readonly Group[];
  readonly state: Map<Tensor, Record<string, StateValue>>;
  /** PyTorch's names of what it remembers about a parameter. */
  readonly stateNames: readonly string[];
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
  for (const saved of savedGroups) checkKind(target, saved);
  const byNumber = new Map<string, Tensor>();
  for (const [i, group] of savedGroups.entries()) {
    const numbers = group.get('params') as unknown[];
    for (const [j, number] of numbers.entries()) byNumber.set(String(number), groups[i]?.params[j] as Tensor);
  }
  const entries = entriesOf(top.get('state'), `${name} state`);
  const options = savedGroups.map((saved, i) => optionsOf(target, saved, groups[i] as Group));
  const next = entries.map(([number, entry]) => readEntry(target, String(number), entry, byNumber));
  state.clear();
  for (const [param, entry] of next) state.set(param, entry);
  for (const [i, saved] of options.entries()) Object.assign(groups[i] as Group, saved);
}

function readEntry(
  { name, stateNames }: StateTarget,
  number: string,
  entry: unknown,
  byNumber: ReadonlyMap<string, Tensor>,
): [Tensor, Record<string, StateValue>] {
  const param = byNumber.get(number);
  if (param === undefined)
    throw new RangeError(`Expected state of listed parameters for ${name}, got ${number}`);
  const values = entriesOf(entry, `${name} state ${number}`).map(([key, value]) => {
    if (!stateNames.includes(String(key))) throw anotherKind(name, `state "${String(key)}"`);
    return [camelCase(String(key)), restored(name, String(key), value, param)] as const;
  });
  return [param, Object.fromEntries(values)];
}

/** The saved options over those that the group has, which stay where an older file has none. */
function optionsOf(target: StateTarget, saved: ReadonlyMap<string, unknown>, group: Group): object {
  const given = [...saved].filter(([key]) => key !== 'params');
  const options = renamed(given, camelCase).map(([key, value]) => [key, optionOf(value)] as const);
  const read = Object.fromEntries(options);
  target.checkGroup({ ...group, ...read });
  return read;
}

// Options that only some optimizers of PyTorch 2.13 have. Other keys of a group are its user's and are kept.
const HALLMARKS: Readonly<Record<string, string>> = {
  betas: "Adam's kind",
  amsgrad: "Adam's kind",
  eps: "Adam's kind",
  momentum_decay: 'NAdam',
  decoupled_weight_decay: "Adam's kind",
  rho: 'Adadelta',
  alpha: 'RMSprop or ASGD',
  centered: 'RMSprop',
  lr_decay: 'Adagrad',
  initial_accumulator_value: 'Adagrad',
  lambd: 'ASGD',
  t0: 'ASGD',
  etas: 'Rprop',
  step_sizes: 'Rprop',
  history_size: 'LBFGS',
  max_iter: 'LBFGS',
  beta2_decay: 'Adafactor',
  ns_steps: 'Muon',
  momentum: 'SGD or RMSprop',
  nesterov: 'SGD',
  dampening: 'SGD',
};

function checkKind({ name, options }: StateTarget, saved: ReadonlyMap<string, unknown>): void {
  for (const key of saved.keys()) {
    const owner = Object.hasOwn(HALLMARKS, key) ? HALLMARKS[key] : undefined;
    if (owner !== undefined && !options.includes(camelCase(key))) {
      throw anotherKind(name, `option "${key}", which ${owner} has`);
    }
  }
  if (!saved.has('lr')) throw anotherKind(name, `options ${[...saved.keys()].join(', ')}`);
}

function anotherKind(name: string, got: string): RangeError {
  return new RangeError(
    `Expected the state of ${name} for ${name}.loadStateDict, got one with ${got}; load it into the kind of optimizer that saved it, or begin with a new state`,
  );
}
