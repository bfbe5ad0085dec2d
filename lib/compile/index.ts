export { type CompileOptions, compile } from './compile.ts';
export { CompiledModelError, type CompiledModelErrorCode } from './compiled-error.ts';
export { CompiledModel, type CompiledStats, type SharedModel } from './compiled-model.ts';
export type { CudaOptions } from './cuda/options.ts';
export type { CudaDType } from './cuda/plan.ts';
export { CompileError, type CompileErrorCode } from './errors.ts';
export type { ExportedSize } from './export/checks.ts';
export {
  type ExportedTorchScript,
  type ExportTorchScriptOptions,
  exportTorchScript,
} from './export/torchscript.ts';
export { type LoadCompiledOptions, loadCompiled } from './load.ts';
export { type ExportedOnnx, exportOnnx, type OnnxValue } from './onnx/export-onnx.ts';
export type { ExportOnnxOptions } from './onnx/options.ts';
export type { ProfileOptions } from './profile/measure.ts';
export type { Profile, ProfileStep } from './profile/profile.ts';
export type { Observer, Quantization, QuantizedLayer } from './quantization.ts';
export type { CalibrationBatch, CalibrationImages } from './quantize/images.ts';
export { type QuantizeOptions, quantize } from './quantize/quantize.ts';
export type { Outputs } from './run-inputs.ts';
export type { RunOptions } from './run-options.ts';
