// Every layer and function of nn that reads its arguments by a signature, in every form of a call that the signature
// takes: the first few by position, the rest by name in the last place. Each is read, and compiled.
import { describe, expect, it, vi } from 'vitest';
import { type Argument, Signature } from '../../lib/nn/arguments.ts';
import * as nn from '../../lib/nn/index.ts';
import { zeros } from '../../lib/tensor/index.ts';
import { expectToCompile } from './compile-calls.ts';

type Callable = (...args: unknown[]) => unknown;

/** What a call was found to read: its signature, and how many arguments stand before those. */
interface Reading {
  signature: Signature<object>;
  before: number;
}

/** How a layer or function reads its arguments; undefined where it does so in another way. */
function readingOf(call: Callable): Reading | undefined {
  const markers = Array.from({ length: 8 }, () => zeros([2, 2, 2]));
  let found: Reading | undefined;
  const stop = new Error('found');
  vi.spyOn(Signature.prototype, 'read').mockImplementation(function (this: Signature<object>, _owner, given) {
    found ??= { signature: this, before: Math.max(0, markers.indexOf(given[0] as never)) };
    throw stop;
  });
  try {
    call(...markers);
  } catch {
    // Of what reads no signature, its complaint about the markers.
  }
  vi.restoreAllMocks();
  for (const marker of markers) marker.dispose();
  return found;
}

interface Sample {
  text: string;
  value: unknown;
}

const x = zeros([2]);
const X: Sample = { text: 'x', value: x };
const text = (value: string): Sample => ({ text: `'${value}'`, value });

/** What stands for an argument whose kind nothing tells, by its name. */
const NAMED: Record<string, Sample> = {
  device: text('cpu'),
  dtype: text('float32'),
  ...Object.fromEntries(
    ['runningMean', 'runningVar', 'weight', 'offsets', 'perSampleWeights'].map((name) => [name, X]),
  ),
};
const CANDIDATES = [1, [1], [1, 1], [1, 1, 1], [1, 1, 1, 1], true];

/** A value of an argument; undefined where none of the plain ones is one. */
function sampleOf(name: string, of: Argument<unknown>, isFunction: boolean): Sample | undefined {
  // Python's own, and modules in a layer's place.
  if (/^(_|custom)/.test(name)) return undefined;
  if (Object.hasOwn(NAMED, name)) return NAMED[name];
  if (name === 'bias' && isFunction) return X;
  const value = [of.fallback, ...CANDIDATES].find((candidate) => accepts(of, candidate));
  return value === undefined ? undefined : { text: JSON.stringify(value), value };
}

function accepts(of: Argument<unknown>, value: unknown): boolean {
  if (value === undefined || value === null || typeof value === 'function') return false;
  try {
    of.read('owner', 'name', value);
    return true;
  } catch {
    return false;
  }
}

const isRequired = (of: Argument<unknown>) => of.fallback === undefined && of.sameAs === undefined;

/** The arguments of each form of calling what `name` names, as they are written; the signature has read each. */
function formsOf(name: string, { signature, before }: Reading): string[] {
  const list = Object.entries(signature.list as Record<string, Argument<unknown>>);
  const positions = signature.positions as readonly string[];
  const samples = new Map(list.map(([key, of]) => [key, sampleOf(key, of, before > 0)]));
  for (const settled of SETTLED.filter(([names]) => names.test(name))) samples.delete(settled[1]);
  const required = list.filter(([, of]) => isRequired(of)).length;
  const first = Array.from({ length: before }, (_, i) => FIRST[name]?.[i] ?? 'x');
  return Array.from({ length: positions.length + 1 - required }, (_, i) => {
    const placed = positions.slice(0, required + i);
    const given = placed.map((key) => samples.get(key) ?? { text: 'null', value: null });
    const named = list.flatMap(([key]) => {
      const sample = samples.get(key);
      return sample === undefined || placed.includes(key) ? [] : [[key, sample] as const];
    });
    const options = named.map(([key, { text }]) => `${key}: ${text}`).join(', ');
    const values = Object.fromEntries(named.map(([key, { value }]) => [key, value]));
    const has = named.length > 0;
    signature.read(name, [...given.map(({ value }) => value), ...(has ? [values] : [])]);
    return [...first, ...given.map(({ text }) => text), ...(has ? [`{ ${options} }`] : [])].join(', ');
  });
}

/** What names of functions say already. */
const SETTLED: readonly (readonly [names: RegExp, argument: string])[] = [
  [/_$/, 'inplace'],
  [/WithIndices$/, 'returnIndices'],
];

/** What stands before the signature's arguments and is no tensor. */
const FIRST: Record<string, string[]> = { affineGrid: ['x', '[1, 3, 2, 2]'] };

interface Walk {
  calls: string[];
  /** Names of what reads its arguments in another way. */
  others: string[];
}

function walk(callables: Record<string, Callable>, write: (name: string, args: string) => string): Walk {
  const found: Walk = { calls: [], others: [] };
  for (const [name, call] of Object.entries(callables)) {
    // rrelu_ takes training by position, as torch's, and hands the rest on.
    const reading = name === 'rrelu_' ? undefined : readingOf(call);
    if (reading === undefined) found.others.push(name);
    else found.calls.push(...formsOf(name, reading).map((args) => write(name, args)));
  }
  return found;
}

const layers = Object.fromEntries(
  Object.entries(nn)
    .filter(([, value]) => typeof value === 'function' && value.prototype instanceof nn.Module)
    .map(([name, type]) => [name, (...args: unknown[]) => Reflect.construct(type as never, args)]),
) as Record<string, Callable>;

describe('types of layers and functions of nn', () => {
  it('accept every form of a call that the runtime takes', () => {
    const functions = walk(
      nn.functional as unknown as Record<string, Callable>,
      (name, args) => `F.${name}(${args})`,
    );
    const classes = walk(layers, (name, args) => `new nn.${name}(${args})`);
    x.dispose();
    expect(functions.calls.length).toBeGreaterThan(230);
    expect(classes.calls.length).toBeGreaterThan(220);
    // Their parameters are those of the function that runs, whose types are no others.
    expect([...functions.others, ...classes.others].length).toBeLessThan(45);
    expectToCompile(
      `import * as nn from '../../../lib/nn/index.ts';
import type { Tensor } from '../../../lib/tensor/index.ts';
const F = nn.functional; declare const x: Tensor;
`,
      [...functions.calls, ...classes.calls],
    );
  });
});
