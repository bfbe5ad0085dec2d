import { writeAtomically } from '../checkpoint/atomic-file.ts';
import { Module } from '../nn/index.ts';
import { unwrap } from '../ops/index.ts';
import { checkOptions } from '../options.ts';
import { noGrad, randn, scope, Tensor } from '../tensor/index.ts';
import { native } from '../tensor/native.ts';
import { CompileError } from './errors.ts';
import { pathOf } from './save.ts';
import { namedOutputs, withTrace } from './trace.ts';

/** What `exportTorchScript` takes besides the model and the path. */
export interface ExportTorchScriptOptions {
  /** Shapes of the inputs, batch first. */
  inputs: readonly (readonly number[])[];
  /** The file takes any batch size. Default true; false: only that of `inputs`. */
  dynamicBatch?: boolean;
}

/**
 * Writes a network in evaluation mode as a TorchScript file, which `torch.jit.load` reads in Python and C++: its forward
 * as libtorch's tracer records it, its parameters and buffers under their own keys. From there it goes on to ONNX
 * (`torch.onnx.export`), which nothing in Node can write. The file appears complete or not at all.
 *
 * Several outputs become a tuple, in the order of the forward's result.
 *
 * @throws CompileError where the forward depends on values or, unless `dynamicBatch` is false, on the batch size.
 * @throws TypeError, RangeError on wrong options; the system's error where the file cannot be written.
 * @example
 * exportTorchScript(model.eval(), 'resnet50_ibn_a.pt', { inputs: [[1, 3, 224, 224]] });
 */
export function exportTorchScript(
  model: Module,
  path: string | URL,
  options: ExportTorchScriptOptions,
): void {
  if (!(model instanceof Module)) {
    throw new TypeError(
      `Expected a Module for exportTorchScript, got ${model === null ? 'null' : typeof model}`,
    );
  }
  checkOptions('exportTorchScript', options, ['inputs', 'dynamicBatch']);
  const { inputs, dynamicBatch = true } = options;
  checkShapes(inputs);
  const target = pathOf(path, 'exportTorchScript');
  withTrace(model, inputs, () => undefined); // refuses what depends on values
  const batch = (inputs[0] as readonly number[])[0] as number;
  const graph = trace(model, inputs, dynamicBatch ? 3 : batch);
  let written = false;
  writeAtomically(target, (sink) => {
    const write = (bytes: Uint8Array) => {
      written = true;
      sink(bytes);
    };
    trace(model, inputs, dynamicBatch ? 2 : batch, { expected: graph, write });
    if (!written) throw batchError();
  });
}

function batchError(): CompileError {
  return new CompileError(
    'Expected a forward that does the same for every batch size for exportTorchScript, got other operations or ' +
      'numbers for 2 images than for 3; sizes such as x.shape[0] become constants of the file: use -1 or flatten, or ' +
      'pass dynamicBatch: false',
    { code: 'ERR_COMPILE_BATCH' },
  );
}

function checkShapes(inputs: unknown): void {
  const isShape = (shape: unknown) =>
    Array.isArray(shape) && shape.length > 0 && shape.every((size) => Number.isInteger(size) && size > 0);
  if (Array.isArray(inputs) && inputs.length > 0 && inputs.every(isShape)) return;
  const got = Array.isArray(inputs) ? JSON.stringify(inputs) : typeof inputs;
  throw new RangeError(
    `Expected shapes for exportTorchScript inputs, such as [[1, 3, 224, 224]], got ${got}`,
  );
}

/** The graph as text; where that is `expected`, the file's bytes too. */
function trace(
  model: Module,
  shapes: readonly (readonly number[])[],
  batch: number,
  file?: { expected: string; write: (bytes: Uint8Array) => void },
): string {
  const [parameters, buffers] = [model.namedParameters(), model.namedBuffers()];
  const named = [...parameters, ...buffers];
  const { dtype = 'float32', device = 'cpu' } = parameters[0]?.[1] ?? {};
  return scope(() =>
    noGrad(() => {
      const examples = shapes.map((shape) => randn([batch, ...shape.slice(1)]).to({ dtype, device }));
      return native.traceTorchScript(
        model.constructor.name,
        named.map(([key]) => key),
        named.map(([, tensor]) => unwrap(tensor)),
        parameters.length,
        examples.map(unwrap),
        shapes.map((_, i) => (shapes.length === 1 ? 'x' : `x${i}`)),
        (handles) => {
          const result = model.forward(...handles.map((handle) => new Tensor(handle)));
          return namedOutputs(result).map(([, tensor]) => unwrap(tensor));
        },
        file?.expected,
        file?.write,
      );
    }),
  );
}
