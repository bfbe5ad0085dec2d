export { Complex } from './complex.ts';
export { describe } from './describe.ts';
export type { AtenOps, Scalar, TensorMethods } from './generated.ts';
export {
  enterScope,
  forgetInScope,
  isInOwnScope,
  isNative,
  isTensorObject,
  leaveOwnScopes,
  leaveScope,
  NativeObject,
  OpaqueValue,
  outsideOwnScopes,
  recordInScope,
  resumeScope,
  type ScopeFrame,
  setTensorClass,
  takeFromScope,
  unwrap,
  wrapTensor,
} from './handle.ts';
export { functionOf, installMethods } from './methods.ts';
export { toCamelCase, toTorchName } from './naming.ts';
export { listOps, type Ops, ops, overloadNames, type UntypedOp } from './ops.ts';
export { isRecording, type Recorder, type StandIn, withRecorder } from './recorder.ts';
export type { ParsedSchema, TypeShape } from './schema.ts';
export type { Device, DType, Layout, MemoryFormat } from './types.ts';
