import { checkOptions } from '../options.ts';
import { noGrad, ops, Tensor } from '../tensor/index.ts';
import { loadHint } from './load-hint.ts';
import type { LoadContext, Module } from './module.ts';
import { isParameter, Parameter } from './parameter.ts';
import { torchSize } from './repr.ts';
import { type StateDict, StateDictError } from './state-dict.ts';

/** Anything `loadStateDict` reads: `stateDict()`'s Map, or what `load()` returns. */
export type StateDictLike = StateDict | ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>;

/** How a state dict is loaded. */
export interface LoadOptions {
  /** Refuse missing and unexpected keys. Default true. */
  strict?: boolean;
  /** Take the tensors of the state dict instead of copying them. Default false. */
  assign?: boolean;
  /** Drop this from the front of every key that has it, such as `'module.'`. */
  stripPrefix?: string;
}

/** Which keys were loaded, which the state dict lacks, and which the module does not know. */
export interface LoadResult {
  loaded: string[];
  missingKeys: string[];
  unexpectedKeys: string[];
}

/** One place in the module and the tensor that goes there. */
interface Assignment {
  module: Module;
  name: string;
  key: string;
  target: Tensor;
  source: Tensor;
}

interface Plan extends LoadResult {
  assignments: Assignment[];
  mismatchedKeys: string[];
  errors: string[];
}

interface Input {
  entries: Map<string, unknown>;
  versions: Map<string, number>;
}

/** Longer key lists are cut in messages; the error's fields have them all. */
const KEYS_SHOWN = 20;

export function loadStateDict(module: Module, state: StateDictLike, options: LoadOptions): LoadResult {
  checkOptions('loadStateDict', options, ['strict', 'assign', 'stripPrefix']);
  const input = readInput(state, options.stripPrefix ?? '');
  const plan = makePlan(module, input, options.assign ?? false);
  refuse(module, input, plan, options.strict ?? true);
  if (options.assign) plan.assignments.forEach(assign);
  else copyAll(plan.assignments);
  return { loaded: plan.loaded, missingKeys: plan.missingKeys, unexpectedKeys: plan.unexpectedKeys };
}

function readInput(state: StateDictLike, stripPrefix: string): Input {
  if (typeof state !== 'object' || state === null || state instanceof Tensor || Array.isArray(state)) {
    throw new TypeError(`Expected a Map or object of tensors for loadStateDict, got ${kindOf(state)}`);
  }
  const pairs = state instanceof Map ? state : Object.entries(state).filter(([key]) => key !== '_metadata');
  const entries = new Map<string, unknown>();
  for (const [key, value] of pairs) {
    const name = stripped(key, stripPrefix);
    if (entries.has(name)) {
      throw new RangeError(`Expected distinct keys after stripPrefix "${stripPrefix}", got "${name}" twice`);
    }
    entries.set(name, value);
  }
  return { entries, versions: readVersions(state, stripPrefix) };
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return `a value of class ${value.constructor?.name ?? 'null'}`;
}

function stripped(key: string, prefix: string): string {
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
}

/** PyTorch keeps the versions beside the keys, in an attribute of the OrderedDict. */
function readVersions(state: StateDictLike, stripPrefix: string): Map<string, number> {
  const metadata = (state as { _metadata?: unknown })._metadata;
  const versions = new Map<string, number>();
  if (typeof metadata !== 'object' || metadata === null) return versions;
  for (const [path, entry] of metadata instanceof Map ? metadata : Object.entries(metadata)) {
    const version = entry instanceof Map ? entry.get('version') : entry?.version;
    if (typeof version !== 'number') continue;
    versions.set(stripped(`${path}.`, stripPrefix).slice(0, -1), version);
  }
  return versions;
}

function makePlan(root: Module, input: Input, assigning: boolean): Plan {
  const plan: Plan = {
    loaded: [],
    missingKeys: [],
    unexpectedKeys: [],
    mismatchedKeys: [],
    assignments: [],
    errors: [],
  };
  const optional = new Set<string>();
  const visit = (module: Module, prefix: string, entries: Map<string, unknown>): void => {
    const version = input.versions.get(prefix.slice(0, -1));
    const context: LoadContext = { entries, prefix, version, optional, errors: plan.errors };
    module.prepareLoad(context);
    const local = [...module.ownParameters(), ...module.ownBuffers({ persistentOnly: true })];
    for (const [name, target] of local) planEntry(plan, context, { module, name, target }, assigning);
    const children = new Map(module.namedChildren());
    const byChild = new Map<string, Map<string, unknown>>();
    for (const [key, value] of entries) {
      const [head, rest] = splitKey(key, prefix);
      if (rest === undefined ? local.some(([name]) => name === head) : children.has(head)) {
        if (rest !== undefined) groupOf(byChild, head).set(key, value);
      } else plan.unexpectedKeys.push(key);
    }
    for (const [name, child] of children) visit(child, `${prefix}${name}.`, groupOf(byChild, name));
  };
  visit(root, '', new Map(input.entries));
  return plan;
}

function splitKey(key: string, prefix: string): [string, string | undefined] {
  const rest = key.slice(prefix.length);
  const dot = rest.indexOf('.');
  return dot < 0 ? [rest, undefined] : [rest.slice(0, dot), rest.slice(dot + 1)];
}

function groupOf(groups: Map<string, Map<string, unknown>>, name: string): Map<string, unknown> {
  const group = groups.get(name) ?? new Map<string, unknown>();
  groups.set(name, group);
  return group;
}

function planEntry(
  plan: Plan,
  context: LoadContext,
  place: { module: Module; name: string; target: Tensor },
  assigning: boolean,
): void {
  const key = context.prefix + place.name;
  if (!context.entries.has(key)) {
    if (!context.optional.has(key)) plan.missingKeys.push(key);
    return;
  }
  const source = context.entries.get(key);
  const problem = problemWith(key, place.target, source, assigning);
  if (problem !== undefined) {
    plan.errors.push(problem);
    plan.mismatchedKeys.push(key);
    return;
  }
  plan.assignments.push({ ...place, key, source: source as Tensor });
  plan.loaded.push(key);
}

function problemWith(key: string, target: Tensor, source: unknown, assigning: boolean): string | undefined {
  if (!(source instanceof Tensor)) {
    return `While copying the parameter named "${key}", expected a Tensor from checkpoint but received ${kindOf(source)}`;
  }
  const [have, got] = [target.shape, source.shape];
  const sameShape = have.length === got.length && have.every((size, i) => size === got[i]);
  // Files from before 0.4 hold one-element vectors where there are scalars now.
  if (!sameShape && !(have.length === 0 && got.length === 1 && got[0] === 1)) {
    return (
      `size mismatch for ${key}: copying a param with shape ${torchSize(got)} from checkpoint, ` +
      `the shape in current model is ${torchSize(have)}.`
    );
  }
  if (target.device === 'meta' && source.device !== 'meta' && !assigning) {
    return `for ${key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, which is a no-op. Pass { assign: true }`;
  }
  return undefined;
}

function refuse(module: Module, input: Input, plan: Plan, strict: boolean): void {
  const messages = [...plan.errors];
  if (strict) {
    if (plan.unexpectedKeys.length > 0) messages.unshift(keyLine('Unexpected', plan.unexpectedKeys));
    if (plan.missingKeys.length > 0) messages.unshift(keyLine('Missing', plan.missingKeys));
  }
  const wanted = plan.missingKeys.length + plan.mismatchedKeys.length;
  if (messages.length === 0 && plan.loaded.length === 0 && wanted > 0) {
    const got = [...input.entries.keys()];
    messages.push(`None of its ${wanted} keys is in the state dict, which has ${listKeys(got) || 'no keys'}`);
  }
  if (messages.length === 0) return;
  const name = module.constructor.name;
  const hint = loadHint(input.entries, plan.missingKeys, plan.unexpectedKeys);
  const lines = [`Error(s) in loading state_dict for ${name}:`, ...messages.map((line) => `\t${line}`)];
  throw new StateDictError([...lines, ...(hint === undefined ? [] : [hint])].join('\n'), plan);
}

function keyLine(kind: string, keys: string[]): string {
  return `${kind} key(s) in state_dict: ${listKeys(keys)}. `;
}

function listKeys(keys: string[]): string {
  const shown = keys.slice(0, KEYS_SHOWN).map((key) => `"${key}"`);
  return shown.join(', ') + (keys.length > KEYS_SHOWN ? `, ... (+${keys.length - KEYS_SHOWN})` : '');
}

function copyAll(assignments: Assignment[]): void {
  if (assignments.length === 0) return;
  const targets = assignments.map(({ target }) => target);
  const sources = assignments.map(({ source, target }) =>
    source.dim() === target.dim() ? source : source.reshape([]),
  );
  noGrad(() => ops.aten._foreach_copy_(targets, sources));
}

/** Detached aliases, so that disposing the state dict leaves the module whole. */
function assign({ module, name, target, source }: Assignment): void {
  const value = source.dim() === target.dim() ? source.detach() : source.detach().reshape([]);
  if (isParameter(target)) {
    module.registerParameter(name, new Parameter(value, { requiresGrad: target.requiresGrad }));
  } else {
    module.registerBuffer(name, value);
  }
}
