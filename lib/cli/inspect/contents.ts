import { InertGlobal, InertObject } from '../../checkpoint/index.ts';
import type { Inspection } from '../../checkpoint/inspect.ts';
import { isPlanned, type PlannedBuild, PlannedTensor } from '../../checkpoint/storage/planned-backend.ts';
import { type TensorStats, tensorStats } from './tensor-stats.ts';

/** A tensor of a file. */
export interface TensorEntry {
  /** Where it is, such as `state_dict.conv1.weight`. */
  readonly key: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly requiresGrad: boolean;
  readonly device: string;
  /** Whether its key was asked for. */
  readonly isChosen: boolean;
  readonly stats?: TensorStats;
}

/** Anything in a file: what it is called, what it is, what is in it. */
export interface Node {
  readonly name: string;
  /** A value, or what kind of container or object it is. */
  readonly text: string;
  readonly tensor?: TensorEntry;
  /** The class of a Python object. */
  readonly className?: string;
  readonly children: readonly Node[];
}

/** What is in a file, as a tree and as a list of tensors. */
export interface Contents {
  readonly root: Node;
  readonly tensors: readonly TensorEntry[];
  /** Keys of the tensors that lie over one storage, for each storage with several. */
  readonly shared: readonly (readonly string[])[];
  readonly classNames: readonly string[];
}

const DEEPEST = 100;
const LONGEST_TEXT = 80;

/** Walks through a file. With `stats` the numbers of tensors whose key fits are read, one tensor after the other. */
export function contentsOf(inspection: Inspection, fits: (key: string) => boolean, stats: boolean): Contents {
  const walker = new Walker(inspection, fits, stats);
  const root = walker.node('', inspection.value, '');
  const shared = [...walker.storages.values()].filter((keys) => keys.length > 1);
  return { root, tensors: walker.tensors, shared, classNames: [...walker.classNames].sort() };
}

class Walker {
  readonly tensors: TensorEntry[] = [];
  readonly storages = new Map<unknown, string[]>();
  readonly classNames = new Set<string>();
  readonly #inspection: Inspection;
  readonly #fits: (key: string) => boolean;
  readonly #stats: boolean;
  readonly #open = new Set<unknown>();

  constructor(inspection: Inspection, fits: (key: string) => boolean, stats: boolean) {
    this.#inspection = inspection;
    this.#fits = fits;
    this.#stats = stats;
  }

  node(name: string, value: unknown, path: string): Node {
    if (isPlanned(value)) return this.#tensor(name, value, path);
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array)
      return { name, text: valueText(value), children: [] };
    if (value instanceof InertGlobal) return this.#named(name, value.name);
    if (this.#open.has(value)) return { name, text: 'itself again', children: [] };
    if (this.#open.size > DEEPEST) return { name, text: 'more levels', children: [] };
    this.#open.add(value);
    const made =
      value instanceof InertObject ? this.#object(name, value, path) : this.#container(name, value, path);
    this.#open.delete(value);
    return made;
  }

  #named(name: string, className: string): Node {
    this.classNames.add(className);
    return { name, text: `<${className}>`, className, children: [] };
  }

  #object(name: string, object: InertObject, path: string): Node {
    const { className, args, keywords, items, entries, state, value } = object;
    this.classNames.add(className);
    if (value !== undefined)
      return { name, text: `${className}(${valueText(value)})`, className, children: [] };
    const parts = Object.entries({
      args: args.length > 0 ? args : undefined,
      keywords,
      items,
      entries,
      state,
    });
    const children = parts
      .filter(([, part]) => part !== undefined)
      .map(([part, inner]) => this.node(part, inner, join(path, part)));
    return { name, text: className, className, children };
  }

  #container(name: string, value: object, path: string): Node {
    const entries = entriesOf(value);
    if (isList(value) && entries.every(([, item]) => isSimple(item)))
      return { name, text: listText(entries.map(([, item]) => item)), children: [] };
    const children = entries.map(([key, item]) => this.node(key, item, join(path, key)));
    return { name, text: kindText(value, entries.length), children };
  }

  #tensor(name: string, planned: PlannedTensor | PlannedBuild, path: string): Node {
    const plain = planned instanceof PlannedTensor ? planned : undefined;
    const isWanted = this.#fits(path);
    const base: TensorEntry = {
      key: path,
      dtype: plain?.dtype ?? kindOfBuild(planned as PlannedBuild),
      shape: plain?.shape ?? [],
      bytes: planned.nbytes,
      requiresGrad: plain?.fields.requiresGrad ?? (planned as PlannedBuild).requiresGrad,
      device: plain?.device ?? 'cpu',
      isChosen: isWanted,
    };
    const read = () => this.#inspection.read(planned);
    const tensor = this.#stats && isWanted && plain ? { ...base, stats: tensorStats(read) } : base;
    if (plain) this.storages.set(plain.storage, [...(this.storages.get(plain.storage) ?? []), path]);
    if (isWanted) this.tensors.push(tensor);
    return { name, text: '', tensor, children: [] };
  }
}

const join = (path: string, key: string) => (path === '' ? key : `${path}.${key}`);

const kindOfBuild = ({ recipe }: PlannedBuild) => recipe.kind;

const isList = (value: object) => Array.isArray(value) || value instanceof Set;

const isSimple = (value: unknown) => typeof value !== 'object' || value === null;

function entriesOf(value: object): [string, unknown][] {
  if (value instanceof Map) return [...value].map(([key, item]) => [keyText(key), item]);
  if (value instanceof Set) return [...value].map((item, index) => [String(index), item]);
  return Object.entries(value);
}

function keyText(key: unknown): string {
  if (key instanceof InertGlobal) return `<${key.name}>`;
  if (key instanceof InertObject) return key.className;
  return Array.isArray(key) ? `(${key.map(keyText).join(', ')})` : String(key);
}

function kindText(value: object, length: number): string {
  const count = `${length} ${length === 1 ? 'entry' : 'entries'}`;
  if (value instanceof Set) return `set of ${count}`;
  if (Array.isArray(value)) return Object.isFrozen(value) ? `tuple of ${count}` : `list of ${count}`;
  return length === 0 ? '{}' : count;
}

function listText(items: readonly unknown[]): string {
  let text = '[';
  for (const [index, item] of items.entries()) {
    const next = `${index > 0 ? ', ' : ''}${valueText(item)}`;
    if (text.length + next.length > LONGEST_TEXT) return `${text}, ... (${items.length})]`;
    text += next;
  }
  return `${text}]`;
}

/** On one line and bounded: the file may hold anything. */
function valueText(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value !== 'string') return String(value);
  const short = value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}...` : value;
  return JSON.stringify(short);
}
