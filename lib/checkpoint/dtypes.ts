/**
 * How each dtype lies in a file: bytes per element, the unit that changes with byte order (half an element
 * for complex numbers), and the storage class PyTorch names in pickles, where it has one.
 */
export interface DTypeLayout {
  readonly itemsize: number;
  readonly swapUnit: number;
  readonly storageClass?: string;
  readonly differentiable: boolean;
}

function real(itemsize: number, storageClass?: string): DTypeLayout {
  return { itemsize, swapUnit: itemsize, differentiable: true, ...(storageClass ? { storageClass } : {}) };
}

function integer(itemsize: number, storageClass?: string): DTypeLayout {
  return { ...real(itemsize, storageClass), differentiable: false };
}

function complex(itemsize: number, storageClass?: string): DTypeLayout {
  return { ...real(itemsize, storageClass), swapUnit: itemsize / 2 };
}

/** Every dtype that is read and written. */
export const DTYPE_LAYOUTS = {
  float64: real(8, 'DoubleStorage'),
  float32: real(4, 'FloatStorage'),
  float16: real(2, 'HalfStorage'),
  bfloat16: real(2, 'BFloat16Storage'),
  int64: integer(8, 'LongStorage'),
  int32: integer(4, 'IntStorage'),
  int16: integer(2, 'ShortStorage'),
  int8: integer(1, 'CharStorage'),
  uint8: integer(1, 'ByteStorage'),
  bool: integer(1, 'BoolStorage'),
  complex128: complex(16, 'ComplexDoubleStorage'),
  complex64: complex(8, 'ComplexFloatStorage'),
  complex32: complex(4),
  uint16: integer(2),
  uint32: integer(4),
  uint64: integer(8),
  float8_e4m3fn: real(1),
  float8_e5m2: real(1),
  float8_e4m3fnuz: real(1),
  float8_e5m2fnuz: real(1),
  float8_e8m0fnu: real(1),
  float4_e2m1fn_x2: real(1),
  bits8: integer(1),
  bits16: integer(2),
  bits1x8: integer(1),
  bits2x4: integer(1),
  bits4x2: integer(1),
} as const satisfies Record<string, DTypeLayout>;

/** The name of a dtype that checkpoints can hold, spelt as in `torch.<name>`. */
export type StoredDType = keyof typeof DTYPE_LAYOUTS;

/** All dtype names, in the table's order. */
export const STORED_DTYPES = Object.keys(DTYPE_LAYOUTS) as StoredDType[];

/** The layout of a dtype, widened so that optional fields can be read. */
export function layoutOf(dtype: StoredDType): DTypeLayout {
  return DTYPE_LAYOUTS[dtype];
}

/** Whether a name is a dtype that checkpoints can hold. */
export function isStoredDType(name: string): name is StoredDType {
  return Object.hasOwn(DTYPE_LAYOUTS, name);
}

/** Storage classes of quantized numbers: the integers they lie as, and torch's name for the dtype. */
export const QUANTIZED_STORAGES: Readonly<Record<string, readonly [StoredDType, string]>> = {
  QInt8Storage: ['int8', 'qint8'],
  QUInt8Storage: ['uint8', 'quint8'],
  QInt32Storage: ['int32', 'qint32'],
  QUInt4x2Storage: ['uint8', 'quint4x2'],
  QUInt2x4Storage: ['uint8', 'quint2x4'],
};

/** Dtypes that torch names and no tensor here has; their names are read as values. */
export const NAMED_DTYPES: readonly string[] = [
  ...['qint8', 'quint8', 'qint32', 'quint4x2', 'quint2x4'],
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((width) => [`uint${width}`, `int${width}`]),
];
