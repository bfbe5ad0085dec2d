import { STORED_DTYPES, type StoredDType } from '../dtypes.ts';

/** How safetensors spells dtypes; complex128 and complex32 have no name there. */
const NAMES: Partial<Record<StoredDType, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  uint16: 'U16',
  uint32: 'U32',
  uint64: 'U64',
  bool: 'BOOL',
  complex64: 'C64',
  float8_e4m3fn: 'F8_E4M3',
  float8_e5m2: 'F8_E5M2',
  float8_e4m3fnuz: 'F8_E4M3FNUZ',
  float8_e5m2fnuz: 'F8_E5M2FNUZ',
  float8_e8m0fnu: 'F8_E8M0',
};

const DTYPES = new Map(STORED_DTYPES.map((dtype) => [NAMES[dtype], dtype]));

/** Formats with less than a byte per number. */
const UNREAD = new Set(['F4', 'F6_E2M3', 'F6_E3M2']);

/** The name safetensors has for a dtype, if any. */
export function safetensorsName(dtype: StoredDType): string | undefined {
  return NAMES[dtype];
}

/** The dtype of a name in a header. */
export function dtypeOfName(name: string): StoredDType | undefined {
  return DTYPES.get(name);
}

/** Whether a name is a dtype of the format that no tensor here can have. */
export function isUnreadDType(name: string): boolean {
  return UNREAD.has(name);
}
