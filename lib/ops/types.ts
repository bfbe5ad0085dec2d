/** torch's names of element types. */
export type DType =
  | 'uint8'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64'
  | 'bool'
  | 'complex32'
  | 'complex64'
  | 'complex128'
  | 'float8_e4m3fn'
  | 'float8_e5m2'
  | 'float8_e4m3fnuz'
  | 'float8_e5m2fnuz'
  | 'float8_e8m0fnu'
  | 'float4_e2m1fn_x2'
  | 'qint8'
  | 'quint8'
  | 'qint32'
  | 'quint4x2'
  | 'quint2x4'
  | 'bits1x8'
  | 'bits2x4'
  | 'bits4x2'
  | 'bits8'
  | 'bits16'
  | `${'u' | ''}int${1 | 2 | 3 | 4 | 5 | 6 | 7}`;

/** `cpu`, `cuda`, `cuda:1`, `meta`, ... */
export type Device = string;

export type MemoryFormat = 'contiguous_format' | 'channels_last' | 'channels_last_3d' | 'preserve_format';

/** Strided or one of the sparse layouts. */
export type Layout =
  | 'strided'
  | 'sparse_coo'
  | 'sparse_csr'
  | 'sparse_csc'
  | 'sparse_bsr'
  | 'sparse_bsc'
  | '_mkldnn'
  | 'jagged';
