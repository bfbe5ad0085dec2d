import { PyComplex, PyDict, PyObject, PySet, PyTuple } from '../values.ts';
import { asBytes, asItems, asNumber, asString, describe, Mismatch } from './checks.ts';
import { dateText, dateTimeText, offsetText, secondsOf, timeText } from './dates.ts';
import { type Context, calls, type Globals, PyGlobal } from './py-global.ts';

const NAMESPACES = ['argparse Namespace', 'types SimpleNamespace', 'optparse Values'];
const PATHS = ['PosixPath', 'WindowsPath', 'PurePosixPath', 'PureWindowsPath', 'Path', 'PurePath'];

/** What is read as data of Python's own library. */
export const PYTHON_GLOBALS: Globals = [
  calls('collections', 'OrderedDict', ([pairs]) => fillFromPairs(new PyDict('OrderedDict'), pairs)),
  calls('collections', 'Counter', ([counts]) => fillFromDict(new PyDict('Counter'), counts)),
  calls('collections', 'defaultdict', ([, entries]) => fillFromDict(new PyDict('defaultdict'), entries)),
  calls('collections', 'deque', ([items]) => [...optionalItems(items)]),
  calls('builtins', 'set', ([items]) => new PySet([...optionalItems(items)])),
  calls('builtins', 'frozenset', ([items]) => new PySet([...optionalItems(items)])),
  calls('builtins', 'list', ([items]) => [...optionalItems(items)]),
  calls('builtins', 'tuple', ([items]) => new PyTuple([...optionalItems(items)])),
  calls('builtins', 'dict', ([entries]) => fillFromDict(new PyDict('dict'), entries)),
  calls('builtins', 'bytes', (args) => bytesFrom(args)),
  calls('builtins', 'bytearray', (args) => bytesFrom(args)),
  calls('builtins', 'complex', ([re, im]) => new PyComplex(asNumber(re, 're'), asNumber(im, 'im'))),
  calls('_codecs', 'encode', (args) => encodeLatin1(args)),
  calls('copyreg', '_reconstructor', reconstruct),
  calls('copyreg', '__newobj__', ([callee, ...args], context) => context.make(callee, args)),
  calls('copyreg', '__newobj_ex__', newObject),
  ...NAMESPACES.map((name) => {
    const [module, cls] = name.split(' ') as [string, string];
    return calls(module, cls, ([attributes]) => fillFromDict(new PyDict('namespace'), attributes));
  }),
  ...['pathlib', 'pathlib._local'].flatMap(
    (module): Globals => PATHS.map((name) => [module, name, { kind: 'object', value: pathText }]),
  ),
  ['datetime', 'datetime', { kind: 'object', value: dateTimeText }],
  ['datetime', 'date', { kind: 'object', value: dateText }],
  ['datetime', 'time', { kind: 'object', value: timeText }],
  ['datetime', 'timedelta', { kind: 'object', value: ({ args }) => secondsOf(args) }],
  ['datetime', 'timezone', { kind: 'object', value: ({ args }) => offsetText(args[0]) }],
  ['decimal', 'Decimal', { kind: 'object', value: firstText }],
  ['fractions', 'Fraction', { kind: 'object', value: fractionText }],
  ['uuid', 'UUID', { kind: 'object', value: uuidText }],
  ['builtins', 'range', { kind: 'object' }],
  ['builtins', 'slice', { kind: 'object' }],
  ['builtins', 'object', { kind: 'object' }],
];

function optionalItems(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return value instanceof PySet ? value.items : asItems(value, 'a set');
}

function fillFromPairs(dict: PyDict, pairs: unknown): PyDict {
  if (pairs === undefined) return dict;
  if (pairs instanceof PyDict) return fillFromDict(dict, pairs);
  for (const pair of asItems(pairs, 'OrderedDict')) {
    const entry = asItems(pair, 'an OrderedDict entry');
    if (entry.length !== 2)
      throw new Mismatch(`expected 2 items for an OrderedDict entry, got ${entry.length}`);
    dict.set(entry[0], entry[1]);
  }
  return dict;
}

function fillFromDict(dict: PyDict, entries: unknown): PyDict {
  if (entries === undefined) return dict;
  if (!(entries instanceof PyDict))
    throw new Mismatch(`expected a dict for ${dict.kind}, got ${describe(entries)}`);
  for (const [key, value] of entries.entries) dict.set(key, value);
  return dict;
}

function bytesFrom(args: readonly unknown[]): Uint8Array {
  if (args.length === 0) return new Uint8Array(0);
  return args.length === 1 ? asBytes(args[0], 'bytes') : encodeLatin1(args);
}

/** How protocol 2 writes bytes: as text, to be encoded to latin-1 again. */
function encodeLatin1([text, encoding]: readonly unknown[]): Uint8Array {
  const name = asString(encoding, 'an encoding');
  if (!/^(latin-?1|iso-?8859-1)$/i.test(name)) throw new Mismatch(`unknown encoding ${describe(name)}`);
  const string = asString(text, 'bytes');
  const bytes = Uint8Array.from(Buffer.from(string, 'latin1'));
  const isLatin1 = Buffer.from(bytes).toString('latin1') === string;
  if (!isLatin1) throw new Mismatch('text that is not latin-1');
  return bytes;
}

/** How protocols 0 and 1 make instances: of a class, by a built-in class, with what that one holds. */
function reconstruct([callee, base, state]: readonly unknown[], context: Context): unknown {
  const kind = base instanceof PyGlobal ? base.name : undefined;
  if (kind === undefined) throw new Mismatch(`expected a class to build on, got ${describe(base)}`);
  if (kind === 'builtins.object' || state === undefined || state === null) return context.make(callee, []);
  const made = context.make(callee, kind === 'builtins.dict' || kind === 'builtins.list' ? [] : [state]);
  if (!(made instanceof PyObject)) return made instanceof PyDict ? fillFromDict(made, state) : made;
  if (kind === 'builtins.dict' && state instanceof PyDict) made.entries = state;
  if (kind === 'builtins.list') made.items = [...asItems(state, 'a list')];
  return made;
}

function newObject([callee, args, keywords]: readonly unknown[], context: Context): unknown {
  if (!(keywords instanceof PyDict))
    throw new Mismatch(`expected a dict of arguments, got ${describe(keywords)}`);
  return context.make(callee, asItems(args, 'arguments'), keywords.entries.size > 0 ? keywords : undefined);
}

/** The parts of a path joined, the root as it is; `.` for none. */
function pathText({ className, args }: PyObject): string {
  const separator = className.includes('Windows') ? '\\' : '/';
  const parts = args.map((part) => asString(part, 'a part of a path'));
  const joined = parts.reduce(
    (path, part) => (path === '' || /[\\/]$/.test(path) ? `${path}${part}` : `${path}${separator}${part}`),
    '',
  );
  return joined === '' ? '.' : joined;
}

function firstText({ args }: PyObject): string {
  return asString(args[0], 'a number as text');
}

function fractionText({ args }: PyObject): string {
  const parts = args.map((part) => (typeof part === 'bigint' ? String(part) : describePart(part)));
  return parts[1] === '1' ? (parts[0] as string) : parts.join('/');
}

function describePart(part: unknown): string {
  return typeof part === 'number' ? String(part) : asString(part, 'a fraction');
}

/** Sixteen bytes as an integer in the state. */
function uuidText({ state }: PyObject): string {
  const integer = state instanceof PyDict ? state.entries.get('int') : undefined;
  const isInteger = typeof integer === 'bigint' || (typeof integer === 'number' && Number.isInteger(integer));
  if (!isInteger) throw new Mismatch(`expected an integer for a UUID, got ${describe(integer)}`);
  const digits = BigInt(integer).toString(16).padStart(32, '0');
  if (!/^[0-9a-f]{32}$/.test(digits)) throw new Mismatch('an integer that is no UUID');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
