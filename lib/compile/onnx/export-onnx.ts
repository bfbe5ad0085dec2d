import { pathOf } from '../../atomic-file.ts';
import { Module } from '../../nn/index.ts';
import { checkPositions } from '../../options.ts';
import type { DType } from '../../tensor/index.ts';
import { type ExampleKind, shapesOf } from '../example-inputs.ts';
import { type ExportOnnxOptions, readOptions } from './options.ts';

/** An input or output of a file that `exportOnnx` wrote. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: DType;
  /** Sizes; those that follow the batch by name, as in `['batch', 3, 224, 224]`. */
  readonly shape: readonly (number | string)[];
}

/** What `exportOnnx` wrote. */
export interface ExportedOnnx {
  readonly path: string;
  /** The file of the weights, where they are in one of their own; else null. */
  readonly dataPath: string | null;
  readonly opset: number;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** How often each operator of ONNX occurs. */
  readonly operators: Readonly<Record<string, number>>;
}

/**
 * Writes a network in evaluation mode as an ONNX file, for ONNX Runtime, TensorRT, OpenVINO and others. Nothing but this
 * package is needed. Parameters and buffers keep their keys as names; nodes are named by their modules. Inputs have the
 * sizes given, and any batch size. The file appears complete or not at all.
 *
 * IBN layers become `Split`, `InstanceNormalization`, `BatchNormalization` and `Concat`, or with `norms: 'decomposed'` sums and
 * products. Fixed norms are not folded into convolutions, as runtimes do that themselves.
 *
 * @returns Names, dtypes and shapes of inputs and outputs.
 * @throws CompileError where the network cannot be traced, with the module and line; `ERR_COMPILE_UNSUPPORTED` naming an op that
 *   ONNX has not.
 * @throws TypeError, RangeError on wrong options; the system's error where the file cannot be written.
 * @example
 * await exportOnnx(model.eval(), 'resnet50_ibn_a.onnx', { inputs: [[1, 3, 224, 224]] });
 */
export async function exportOnnx(
  model: Module,
  path: string | URL,
  options: ExportOnnxOptions,
): Promise<ExportedOnnx> {
  checkPositions('exportOnnx', arguments, 3);
  if (!(model instanceof Module))
    throw new TypeError(`Expected a Module for exportOnnx, got ${model === null ? 'null' : typeof model}`);
  const settings = readOptions(options);
  const inputs = shapesOf(options.inputs, exampleKind(model));
  checkShapes(inputs, settings.dynamicBatch);
  const target = pathOf(path, 'exportOnnx');
  // The protobuf library is loaded for those who export alone.
  const { exportTraced } = await import('./traced.ts');
  return exportTraced(model, target, inputs, settings);
}

/** What the forward is traced with. */
function exampleKind(model: Module): ExampleKind {
  const { dtype = 'float32', device = 'cpu' } = model.parameters()[0] ?? {};
  return { owner: 'exportOnnx', dtypes: [dtype], devices: [device] };
}

function checkShapes(inputs: unknown, dynamicBatch: boolean): void {
  const isShape = (shape: unknown) =>
    Array.isArray(shape) && shape.length > 0 && shape.every((size) => Number.isInteger(size) && size > 0);
  if (!Array.isArray(inputs) || inputs.length === 0 || !inputs.every(isShape)) {
    const got = Array.isArray(inputs) ? JSON.stringify(inputs) : typeof inputs;
    throw new RangeError(`Expected shapes for exportOnnx inputs, such as [[1, 3, 224, 224]], got ${got}`);
  }
  const batches = [...new Set(inputs.map((shape) => shape[0] as number))];
  if (dynamicBatch || batches.length === 1) return;
  throw new RangeError(
    `Expected one batch size in exportOnnx inputs with dynamicBatch: false, got ${batches.join(' and ')}`,
  );
}
