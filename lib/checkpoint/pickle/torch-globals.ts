import { layoutOf, NAMED_DTYPES, QUANTIZED_STORAGES, STORED_DTYPES, type StoredDType } from '../dtypes.ts';
import {
  type PyBuilt,
  PyDict,
  PyDType,
  PyName,
  PyObject,
  type PyTensor,
  PyTuple,
  PyUnbuilt,
} from '../values.ts';
import { asCount, asItems, asString, describe, Mismatch } from './checks.ts';
import { type Context, calls, type Globals, PyGlobal } from './py-global.ts';
import { rebuildParameter, rebuildTensor, rebuildTensorV2, rebuildTensorV3 } from './rebuild.ts';
import {
  rebuildMeta,
  rebuildMoved,
  rebuildNested,
  rebuildQuantized,
  rebuildSparse,
} from './rebuild-other.ts';

const REBUILDS = [
  calls('torch._utils', '_rebuild_tensor', rebuildTensor),
  calls('torch._utils', '_rebuild_tensor_v2', rebuildTensorV2),
  calls('torch._utils', '_rebuild_tensor_v3', rebuildTensorV3),
  calls('torch._utils', '_rebuild_parameter', rebuildParameter),
  calls('torch._utils', '_rebuild_sparse_tensor', rebuildSparse),
  calls('torch._utils', '_rebuild_qtensor', rebuildQuantized),
  calls('torch._utils', '_rebuild_nested_tensor', rebuildNested),
  calls('torch._utils', '_rebuild_meta_tensor_no_storage', rebuildMeta),
  ...[
    '_rebuild_device_tensor_from_numpy',
    '_rebuild_device_tensor_from_cpu_tensor',
    '_rebuild_xla_tensor',
  ].map((name) => calls('torch._utils', name, rebuildMoved)),
];
const REBUILD_NAMES = new Set(REBUILDS.map(([module, name]) => `${module}.${name}`));

const QSCHEMES = ['affine', 'symmetric'].flatMap((kind) => [`per_tensor_${kind}`, `per_channel_${kind}`]);
const NAMES = [
  ...QSCHEMES,
  'per_channel_affine_float_qparams',
  'contiguous_format',
  'channels_last',
  'channels_last_3d',
];

/** What is read as data of torch. */
export const TORCH_GLOBALS: Globals = [
  ...REBUILDS,
  calls('torch._utils', '_rebuild_parameter_with_state', (args, context) => {
    warnOfAttributes(args[3], context);
    return rebuildParameter(args);
  }),
  calls('torch._utils', '_rebuild_wrapper_subclass', ([type, ...args], context) => context.make(type, args)),
  calls('torch._tensor', '_rebuild_from_type_v2', rebuildFromType),
  calls('torch', 'Size', ([items]) =>
    asItems(items ?? new PyTuple([]), 'torch.Size').map((item) => asCount(item, 'torch.Size')),
  ),
  calls('torch', 'device', (args) => deviceFrom(args)),
  calls('torch.serialization', '_get_layout', ([name]) => new PyName(withoutTorch(name, 'a layout'))),
  calls('torch.torch_version', 'TorchVersion', ([text]) => asString(text, 'a version')),
  // Lists and typed values of TorchScript.
  ...['build_intlist', 'build_tensorlist', 'build_doublelist', 'build_boollist', 'restore_type_tag'].map(
    (name) => calls('torch.jit._pickle', name, ([value]) => value),
  ),
  calls('torch', 'Tensor', () => new PyUnbuilt(false)),
  calls('torch.nn.parameter', 'Parameter', parameter),
  ...STORED_DTYPES.map((dtype): Globals[number] => [
    'torch',
    dtype,
    { kind: 'value', value: new PyDType(dtype) },
  ]),
  ...[...NAMED_DTYPES, ...NAMES].map((name): Globals[number] => [
    'torch',
    name,
    { kind: 'value', value: new PyName(name) },
  ]),
  ...STORED_DTYPES.flatMap(storagesOf),
  ...Object.entries(QUANTIZED_STORAGES).flatMap(([name, [dtype, quantized]]) =>
    ['torch', 'torch.cuda'].map((module): Globals[number] => [
      module,
      name,
      { kind: 'storage', dtype, quantized },
    ]),
  ),
  ...['torch UntypedStorage', 'torch.storage UntypedStorage', 'torch.storage _UntypedStorage'].map(
    (name): Globals[number] => {
      const [module, cls] = name.split(' ') as [string, string];
      return [module, cls, { kind: 'storage', dtype: undefined }];
    },
  ),
];

function storagesOf(dtype: StoredDType): Globals {
  const { storageClass } = layoutOf(dtype);
  if (storageClass === undefined) return [];
  const tensorClass = storageClass.replace('Storage', 'Tensor');
  return ['torch', 'torch.cuda'].flatMap(
    (module): Globals => [
      [module, storageClass, { kind: 'storage', dtype }],
      calls(module, tensorClass, () => new PyUnbuilt(false)),
    ],
  );
}

function withoutTorch(name: unknown, what: string): string {
  return asString(name, what).replace(/^torch\./, '');
}

function deviceFrom([type, index]: readonly unknown[]): PyName {
  const name = asString(type, 'torch.device');
  const hasIndex = index !== undefined && index !== null;
  return new PyName(hasIndex ? `${name}:${asCount(index, 'a device index')}` : name);
}

/** `Parameter(data, requires_grad=True)`; without data BUILD brings it. */
function parameter([data, requiresGrad = true]: readonly unknown[]):
  | PyTensor
  | PyBuilt
  | PyObject
  | PyUnbuilt {
  if (data === undefined || data === null) return new PyUnbuilt(true);
  return rebuildParameter([data, requiresGrad]);
}

/**
 * Tensors with Python attributes: `(rebuild function, type, arguments, attributes)`. A subclass that wraps other
 * tensors has them among its attributes, and is described.
 */
function rebuildFromType([rebuild, , inner, attributes]: readonly unknown[], context: Context): unknown {
  if (!(rebuild instanceof PyGlobal) || rebuild.name === 'torch._tensor._rebuild_from_type_v2') {
    throw new Mismatch(`expected a tensor's rebuild function, got ${describe(rebuild)}`);
  }
  if (!REBUILD_NAMES.has(rebuild.name)) {
    const made = context.make(rebuild, asItems(inner, 'a tensor'));
    if (!(made instanceof PyObject)) throw new Mismatch(`expected a tensor, got ${describe(made)}`);
    made.state ??= attributes ?? undefined;
    return made;
  }
  warnOfAttributes(attributes, context);
  return context.make(rebuild, asItems(inner, 'a tensor'));
}

function warnOfAttributes(state: unknown, context: Context): void {
  const slots = state instanceof PyTuple ? state.items.slice(0, 2) : [state];
  const dicts = slots.filter((slot) => slot instanceof PyDict);
  const names = dicts.flatMap((dict) => [...take(dict.entries.keys(), 5)]);
  if (names.length > 0)
    context.warn(`Python attributes of a tensor were left out: ${names.map(describe).join(', ')}`);
}

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left-- === 0) return;
    yield item;
  }
}
