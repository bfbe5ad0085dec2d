import type { DType } from '../../tensor/index.ts';
import { TensorProto_DataType } from './schema/onnx-pb.ts';

const TYPE = TensorProto_DataType;

const TYPES: Partial<Record<DType, TensorProto_DataType>> = {
  float32: TYPE.FLOAT,
  float64: TYPE.DOUBLE,
  float16: TYPE.FLOAT16,
  bfloat16: TYPE.BFLOAT16,
  int64: TYPE.INT64,
  int32: TYPE.INT32,
  int16: TYPE.INT16,
  int8: TYPE.INT8,
  uint8: TYPE.UINT8,
  bool: TYPE.BOOL,
};

/** ONNX's number for a dtype; undefined where it has none. */
export const typeOf = (dtype: DType): TensorProto_DataType | undefined => TYPES[dtype];
