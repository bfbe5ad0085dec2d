import { Tensor } from '../../tensor/index.ts';
import type { Module } from '../module/module.ts';
import { torchSize } from '../module/repr.ts';
import type { LoadContext } from '../module/state-hooks.ts';
import { loadHint } from './load-hint.ts';
import { kindOf, type LoadInput } from './load-input.ts';
import { mismatchLines, type SizeMismatch } from './size-mismatches.ts';
import { StateDictError } from './state-dict.ts';

/** One place in the module and the tensor that goes there. */
export interface Assignment {
  readonly module: Module;
  readonly name: string;
  readonly target: Tensor;
  readonly source: Tensor;
  /** The source is a vector of one element for a scalar. */
  readonly isFlat: boolean;
  /** The target or the source is on meta, so that memory cannot be exchanged. */
  readonly isMeta: boolean;
}

/** What a load will do; nothing has been changed yet. */
export interface LoadPlan {
  readonly assignments: Assignment[];
  readonly loaded: string[];
  readonly missingKeys: string[];
  readonly unexpectedKeys: string[];
  readonly mismatchedKeys: string[];
  /** Mismatched keys that are to be left alone. */
  readonly ignoredKeys: string[];
  readonly droppedKeys: string[];
  readonly mismatches: SizeMismatch[];
  readonly errors: string[];
}

interface PlanOptions {
  readonly strict?: boolean;
  readonly assign?: boolean | 'compatible';
  readonly ignoreMismatched?: boolean | readonly string[];
}

interface Place {
  readonly module: Module;
  readonly name: string;
  readonly target: Tensor;
}

/** Longer key lists are cut in messages; the error's fields have them all. */
const KEYS_SHOWN = 20;

/** Compares the entries with every place of the module. */
export function makePlan(root: Module, input: LoadInput, options: PlanOptions): LoadPlan {
  const plan = emptyPlan();
  const planner = new Planner(plan, input, options);
  planner.visit(root, '', new Map(input.entries));
  return plan;
}

function emptyPlan(): LoadPlan {
  return {
    assignments: [],
    loaded: [],
    missingKeys: [],
    unexpectedKeys: [],
    mismatchedKeys: [],
    ignoredKeys: [],
    droppedKeys: [],
    mismatches: [],
    errors: [],
  };
}

class Planner {
  readonly #plan: LoadPlan;
  readonly #versions: ReadonlyMap<string, number>;
  readonly #assigning: boolean;
  readonly #strict: boolean;
  readonly #isIgnored: (key: string) => boolean;
  readonly #optional = new Set<string>();

  constructor(plan: LoadPlan, { versions }: LoadInput, options: PlanOptions) {
    const { assign = false, ignoreMismatched = false } = options;
    this.#plan = plan;
    this.#versions = versions;
    this.#assigning = assign !== false;
    this.#strict = options.strict ?? true;
    this.#isIgnored = (key) =>
      typeof ignoreMismatched === 'boolean'
        ? ignoreMismatched
        : ignoreMismatched.some((start) => key.startsWith(start));
  }

  /** `entries` are those whose keys begin with `prefix`. */
  visit(module: Module, prefix: string, entries: Map<string, unknown>): void {
    const { errors, droppedKeys } = this.#plan;
    const version = this.#versions.get(prefix.slice(0, -1));
    const context = {
      entries,
      prefix,
      version,
      strict: this.#strict,
      optional: this.#optional,
      droppedKeys,
      errors,
    };
    module.stateHooks?.beforeLoad(module, context);
    module.prepareLoad(context);
    const local = [...module.ownParameters(), ...module.ownBuffers({ persistentOnly: true })];
    for (const [name, target] of local) this.#place(prefix + name, { module, name, target }, entries);
    const children = module.namedChildren();
    const names = new Set(local.map(([name]) => name));
    const groups = this.#group(entries, prefix, names, new Set(children.map(([name]) => name)));
    for (const [name, child] of children)
      this.visit(child, `${prefix}${name}.`, groups.get(name) ?? new Map());
  }

  /** The entries of each child; what is neither theirs nor the module's own is unexpected. */
  #group(
    entries: LoadContext['entries'],
    prefix: string,
    own: ReadonlySet<string>,
    children: ReadonlySet<string>,
  ): Map<string, Map<string, unknown>> {
    const groups = new Map<string, Map<string, unknown>>();
    for (const [key, value] of entries) {
      const dot = key.indexOf('.', prefix.length);
      const head = key.slice(prefix.length, dot < 0 ? undefined : dot);
      if (dot >= 0 && children.has(head)) {
        const group = groups.get(head) ?? new Map<string, unknown>();
        groups.set(head, group.set(key, value));
      } else if (dot >= 0 || !own.has(head)) this.#plan.unexpectedKeys.push(key);
    }
    return groups;
  }

  #place(key: string, place: Place, entries: ReadonlyMap<string, unknown>): void {
    const source = entries.get(key);
    if (source === undefined && !entries.has(key)) {
      if (!this.#optional.has(key)) this.#plan.missingKeys.push(key);
    } else if (!(source instanceof Tensor)) {
      this.#refuse(key, `expected a Tensor from checkpoint but received ${kindOf(source)}`);
    } else this.#compare(key, place, source);
  }

  #compare(key: string, place: Place, source: Tensor): void {
    const { module, name, target } = place;
    const have = target.shape;
    const got = source.shape;
    // Files from before 0.4 hold one-element vectors where there are scalars now.
    const isFlat = have.length === 0 && got.length === 1 && got[0] === 1;
    const isSame = have.length === got.length && have.every((size, i) => size === got[i]);
    if (!isFlat && !isSame) {
      this.#mismatch(key, have, got);
      return;
    }
    const onMeta = target.device === 'meta';
    const isMeta = onMeta || source.device === 'meta';
    if (onMeta && source.device !== 'meta' && !this.#assigning) this.#refuseMeta(key);
    else {
      this.#plan.assignments.push({ module, name, target, source, isFlat, isMeta });
      this.#plan.loaded.push(key);
    }
  }

  #mismatch(key: string, have: number[], got: number[]): void {
    if (this.#isIgnored(key)) {
      this.#plan.ignoredKeys.push(key);
      return;
    }
    this.#plan.mismatchedKeys.push(key);
    this.#plan.mismatches.push({ key, have: torchSize(have), got: torchSize(got) });
  }

  #refuse(key: string, problem: string): void {
    this.#plan.mismatchedKeys.push(key);
    this.#plan.errors.push(`While copying the parameter named "${key}", ${problem}`);
  }

  #refuseMeta(key: string): void {
    this.#plan.mismatchedKeys.push(key);
    this.#plan.errors.push(
      `for ${key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, ` +
        'which is a no-op. Pass { assign: true }',
    );
  }
}

/** Throws where the plan cannot be carried out, with PyTorch's wording and what to do. */
export function refuse(module: Module, input: LoadInput, plan: LoadPlan, strict: boolean): void {
  const messages = [...(strict ? keyLines(plan) : []), ...mismatchLines(plan.mismatches), ...plan.errors];
  if (messages.length === 0 && plan.loaded.length === 0) messages.push(...nothingLoaded(input, plan));
  if (messages.length === 0) return;
  const name = module.constructor.name;
  const hint = loadHint({ ...plan, entries: input.entries });
  const lines = [`Error(s) in loading state_dict for ${name}:`, ...messages.map((line) => `\t${line}`)];
  throw new StateDictError([...lines, ...(hint === undefined ? [] : [hint])].join('\n'), plan);
}

function keyLines({ missingKeys, unexpectedKeys }: LoadPlan): string[] {
  return [
    ...(missingKeys.length > 0 ? [keyLine('Missing', missingKeys)] : []),
    ...(unexpectedKeys.length > 0 ? [keyLine('Unexpected', unexpectedKeys)] : []),
  ];
}

/** A module without keys of its own has nothing to load and is content. */
function nothingLoaded({ entries }: LoadInput, plan: LoadPlan): string[] {
  const wanted = plan.missingKeys.length + plan.ignoredKeys.length;
  if (wanted === 0) return [];
  if (plan.ignoredKeys.length > 0)
    return [`None of its ${wanted} keys has the shape it has in the state dict`];
  const got = listKeys([...entries.keys()]) || 'no keys';
  return [`None of its ${wanted} keys is in the state dict, which has ${got}`];
}

function keyLine(kind: string, keys: readonly string[]): string {
  return `${kind} key(s) in state_dict: ${listKeys(keys)}. `;
}

function listKeys(keys: readonly string[]): string {
  const shown = keys.slice(0, KEYS_SHOWN).map((key) => `"${key}"`);
  return shown.join(', ') + (keys.length > KEYS_SHOWN ? `, ... (+${keys.length - KEYS_SHOWN})` : '');
}
