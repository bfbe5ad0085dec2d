import { layoutOf, STORED_DTYPES } from '../dtypes.ts';
import { asBytes, asCount, asItems, asNumber, asString, describe, Mismatch } from './checks.ts';
import { numpyDType, numpyScalar } from './numpy.ts';
import { type Construct, type Meaning, PyGlobal } from './py-global.ts';
import { rebuildParameter, rebuildTensor, rebuildTensorV2, rebuildTensorV3 } from './rebuild.ts';
import { PyComplex, PyDict, PyDType, PyName, PySet, type PyTensor, PyTuple } from './values.ts';

type Warn = Parameters<Construct>[1];

/** The allowed global `module.name`, or undefined. Python 2's module names are understood. */
export function findGlobal(module: string, name: string): PyGlobal | undefined {
  return ALLOWED.get(`${moduleName(module)} ${name}`);
}

/** The name of a module in Python 3. */
export function moduleName(module: string): string {
  return PYTHON2_MODULES.get(module) ?? module;
}

const PYTHON2_MODULES = new Map([
  ['__builtin__', 'builtins'],
  ['copy_reg', 'copyreg'],
  ['UserDict', 'collections'],
  ['UserList', 'collections'],
]);

const REBUILDS = new Set([
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_tensor_v3',
  'torch._utils._rebuild_parameter',
]);

const ALLOWED = new Map<string, PyGlobal>();

function allow(module: string, names: readonly string[], meaning: Meaning): void {
  for (const name of names) ALLOWED.set(`${module} ${name}`, new PyGlobal(`${module}.${name}`, meaning));
}

function allowCall(module: string, name: string, construct: Construct): void {
  allow(module, [name], { kind: 'call', construct });
}

allowCall('collections', 'OrderedDict', ([pairs]) => fillFromPairs(new PyDict('OrderedDict'), pairs));
allowCall('collections', 'Counter', ([counts]) => fillFromDict(new PyDict('Counter'), counts));
allowCall('builtins', 'set', ([items]) => new PySet([...optionalItems(items)]));
allowCall('builtins', 'frozenset', ([items]) => new PySet([...optionalItems(items)]));
allowCall('builtins', 'bytes', (args) => bytesFrom(args));
allowCall('builtins', 'bytearray', (args) => bytesFrom(args));
allowCall('builtins', 'complex', ([re, im]) => new PyComplex(asNumber(re, 're'), asNumber(im, 'im')));
allowCall('_codecs', 'encode', (args) => encodeLatin1(args));

allowCall('torch', 'Size', ([items]) =>
  asItems(items, 'torch.Size').map((item) => asCount(item, 'torch.Size')),
);
allowCall('torch', 'device', (args) => deviceFrom(args));
allowCall('torch.serialization', '_get_layout', ([name]) => layoutFrom(name));
allowCall('torch._utils', '_rebuild_tensor', rebuildTensor);
allowCall('torch._utils', '_rebuild_tensor_v2', rebuildTensorV2);
allowCall('torch._utils', '_rebuild_tensor_v3', rebuildTensorV3);
allowCall('torch._utils', '_rebuild_parameter', rebuildParameter);
allowCall('torch._utils', '_rebuild_parameter_with_state', (args, warn) => {
  warnOfAttributes(args[3], warn);
  return rebuildParameter(args);
});
allowCall('torch._tensor', '_rebuild_from_type_v2', rebuildFromType);
allow('builtins', ['getattr'], { kind: 'getattr' });
allow('torch', ['Tensor'], { kind: 'type' });
allow('torch.nn.parameter', ['Parameter'], { kind: 'type' });

for (const dtype of STORED_DTYPES) {
  allow('torch', [dtype], { kind: 'value', value: new PyDType(dtype) });
  const { storageClass } = layoutOf(dtype);
  if (!storageClass) continue;
  allow('torch', [storageClass], { kind: 'storage', dtype });
  allow('torch.cuda', [storageClass], { kind: 'storage', dtype });
}
allow('torch', ['UntypedStorage'], { kind: 'storage', dtype: undefined });
allow('torch.storage', ['UntypedStorage', '_UntypedStorage'], { kind: 'storage', dtype: undefined });

allowCall('numpy', 'dtype', numpyDType);
allowCall('numpy.core.multiarray', 'scalar', numpyScalar);
allowCall('numpy._core.multiarray', 'scalar', numpyScalar);

function optionalItems(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return value instanceof PySet ? value.items : asItems(value, 'a set');
}

function fillFromPairs(dict: PyDict, pairs: unknown): PyDict {
  if (pairs === undefined) return dict;
  for (const pair of asItems(pairs, 'OrderedDict')) {
    const entry = asItems(pair, 'an OrderedDict entry');
    if (entry.length !== 2)
      throw new Mismatch(`expected 2 items for an OrderedDict entry, got ${entry.length}`);
    dict.set(entry[0], entry[1]);
  }
  return dict;
}

function fillFromDict(dict: PyDict, counts: unknown): PyDict {
  if (counts === undefined) return dict;
  if (!(counts instanceof PyDict)) throw new Mismatch(`expected a dict for Counter, got ${describe(counts)}`);
  for (const [key, value] of counts.entries) dict.set(key, value);
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

function deviceFrom([type, index]: readonly unknown[]): PyName {
  const name = asString(type, 'torch.device');
  return new PyName(index === undefined ? name : `${name}:${asCount(index, 'a device index')}`);
}

function layoutFrom(name: unknown): PyName {
  return new PyName(asString(name, 'a layout').replace(/^torch\./, ''));
}

/** Tensors with Python attributes: `(rebuild function, type, arguments, attributes)`. */
function rebuildFromType(args: readonly unknown[], warn: Warn): PyTensor {
  const [rebuild, , inner, attributes] = args;
  if (!(rebuild instanceof PyGlobal) || !REBUILDS.has(rebuild.name)) {
    throw new Mismatch(`expected a tensor's rebuild function, got ${describe(rebuild)}`);
  }
  const { construct } = rebuild.meaning as Extract<Meaning, { kind: 'call' }>;
  warnOfAttributes(attributes, warn);
  return construct(asItems(inner, 'a tensor'), warn) as PyTensor;
}

function warnOfAttributes(state: unknown, warn: Warn): void {
  const slots = state instanceof PyTuple ? state.items.slice(0, 2) : [state];
  const dicts = slots.filter((slot) => slot instanceof PyDict);
  const names = dicts.flatMap((dict) => [...take(dict.entries.keys(), 5)]);
  if (names.length > 0)
    warn(`Python attributes of a tensor were left out: ${names.map(describe).join(', ')}`);
}

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left-- === 0) return;
    yield item;
  }
}
