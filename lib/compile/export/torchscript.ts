import { pathOf, writeAtomically } from '../../atomic-file.ts';
import type { Handle } from '../../binding.ts';
import { withFusedNorms } from '../../nn/ibn-ops.ts';
import { Module } from '../../nn/index.ts';
import { unwrap, withRecorder } from '../../ops/index.ts';
import { checkFlags, checkOptions, checkPositions } from '../../options.ts';
import { noGrad, randn, scope, Tensor } from '../../tensor/index.ts';
import { native } from '../../tensor/native.ts';
import { CompileError } from '../errors.ts';
import { type ExampleInput, type ExampleKind, shapesOf } from '../example-inputs.ts';
import { isRefusal, namedOutputs, withTrace } from '../trace/trace.ts';
import { checkedForward, type DTypeOf, type ExportedSize } from './checks.ts';
import { candidateDims, halved, makeSamples, type Shape, varies } from './samples.ts';

/** What `exportTorchScript` takes besides the model and the path. */
export interface ExportTorchScriptOptions {
  /** Shapes of the inputs, batch first, or tensors of the first parameter's dtype and device; of these the shape counts. */
  inputs: readonly ExampleInput[];
  /** The file takes any batch size. Default true; false: only that of `inputs`. */
  dynamicBatch?: boolean;
  /**
   * The file takes other heights and widths (sizes behind the channels; of sequences, lengths) where the network does.
   * Default true; false: only those of `inputs`, as numbers.
   */
  dynamicSizes?: boolean;
}

/** What a file written by `exportTorchScript` takes; it refuses all else with an error. */
export interface ExportedTorchScript {
  /** The sizes of each input. */
  readonly inputs: readonly (readonly ExportedSize[])[];
  /** Why sizes that may vary are fixed, such as "its linear ..."; null where none is, or none was to vary. */
  readonly fixedBecause: string | null;
}

/**
 * Writes a network in evaluation mode as a TorchScript file, which `torch.jit.load` reads in Python and C++: its forward
 * as libtorch's tracer records it, its parameters and buffers under their own keys. The file appears complete or not at
 * all. `exportOnnx` writes ONNX.
 *
 * The forward is traced at several sizes, larger and smaller ones. Numbers that follow the inputs' sizes become ops that
 * ask for them; where all traces then agree the file takes any size from the least on that worked, otherwise only
 * those of `inputs`. Other sizes, numbers of channels and dtypes are refused by the file itself.
 *
 * Several outputs become a tuple, in the order of the forward's result.
 *
 * @returns Which sizes the file takes.
 * @throws CompileError where the forward depends on values or, unless `dynamicBatch` is false, on the batch size in a
 *   way that no op can express.
 * @throws TypeError, RangeError on wrong options; the system's error where the file cannot be written.
 * @example
 * exportTorchScript(model.eval(), 'resnet50_ibn_a.pt', { inputs: [[1, 3, 224, 224]] });
 */
export function exportTorchScript(
  model: Module,
  path: string | URL,
  options: ExportTorchScriptOptions,
): ExportedTorchScript {
  checkPositions('exportTorchScript', arguments, 3);
  if (!(model instanceof Module)) {
    throw new TypeError(
      `Expected a Module for exportTorchScript, got ${model === null ? 'null' : typeof model}`,
    );
  }
  checkOptions('exportTorchScript', options, ['inputs', 'dynamicBatch', 'dynamicSizes']);
  const { dynamicBatch = true, dynamicSizes = true } = options;
  checkFlags('exportTorchScript', { dynamicBatch, dynamicSizes });
  const inputs = shapesOf(options.inputs, exampleKind(model));
  checkShapes(inputs);
  const target = pathOf(path, 'exportTorchScript');
  const batch = dynamicBatch ? null : ((inputs[0] as Shape)[0] as number);
  const batches = batch === null ? undefined : ([batch, batch] as const);
  withTrace(model, inputs, () => undefined, batches); // refuses what depends on values
  let written: ExportedTorchScript | undefined;
  writeAtomically(target, (sink) => {
    written = writeBest(model, inputs, batch, dynamicSizes ? candidateDims(inputs) : [], sink);
  });
  return written as ExportedTorchScript;
}

/** What the forward is traced with. */
function exampleKind(model: Module): ExampleKind {
  const { dtype = 'float32', device = 'cpu' } = model.parameters()[0] ?? {};
  return { owner: 'exportTorchScript', dtypes: [dtype], devices: [device] };
}

type Sink = (bytes: Uint8Array) => void;

/** Tries to let all of `dims` vary, then those that can, then none. */
function writeBest(
  model: Module,
  inputs: readonly Shape[],
  batch: number | null,
  dims: readonly number[],
  sink: Sink,
): ExportedTorchScript {
  let reason: string | null = null;
  for (const some of dims.length > 1 ? [dims, ...dims.map((dim) => [dim])] : [dims]) {
    if (some.length === 0) break;
    const result = write(model, inputs, batch, some, sink);
    if (typeof result !== 'string') return { inputs: result, fixedBecause: reason };
    reason ??= result;
  }
  const result = write(model, inputs, batch, [], sink);
  if (typeof result !== 'string') return { inputs: result, fixedBecause: reason };
  throw batchError(result);
}

function batchError(reason: string): CompileError {
  return new CompileError(
    `Expected a forward that does the same for every batch size for exportTorchScript, got 1, 2 and 3 images of which ${reason}; ` +
      'leave sizes to ops (-1, flatten), or pass dynamicBatch: false',
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

/** Writes a file that takes any size in `dims`: the sizes that it takes, or why there is none. */
function write(
  model: Module,
  inputs: readonly Shape[],
  batch: number | null,
  dims: readonly number[],
  sink: Sink,
): ExportedSize[][] | string {
  const [parameters, buffers] = [model.namedParameters(), model.namedBuffers()];
  const named = [...parameters, ...buffers];
  const { dtype = 'float32', device = 'cpu' } = parameters[0]?.[1] ?? {};
  const names = inputs.map((_, i) => (inputs.length === 1 ? 'x' : `x${i}`));
  const { shapes, required } = makeSamples(inputs, dims, batch);
  let taken: ExportedSize[][] = [];
  const forward = new SampledForward(model, shapes);
  const reason = traced(() => {
    const samples = shapes.map((each) => each.map((shape) => randn(shape).to({ dtype, device })));
    return native.traceTorchScript(
      model.constructor.name,
      named.map(([key]) => key),
      named.map(([, tensor]) => unwrap(tensor)),
      parameters.length,
      samples.map((sample) => sample.map(unwrap)),
      required,
      names,
      (handles) => forward.run(handles),
      (count) => {
        taken = takenSizes(inputs, dims, batch, count - required);
        return checkedForward(names, taken, weightOf(parameters));
      },
      sink,
    );
  });
  if (reason === undefined) return taken;
  return reason === '' ? forward.refusal : reason;
}

/** The forward on one sample after the other. */
class SampledForward {
  /** Why the last sample was refused, if it was. */
  refusal = '';
  readonly #model: Module;
  readonly #shapes: readonly (readonly Shape[])[];
  #runs = 0;

  constructor(model: Module, shapes: readonly (readonly Shape[])[]) {
    this.#model = model;
    this.#shapes = shapes;
  }

  /** The outputs; undefined where the forward refuses another sample than the first. */
  run(handles: readonly Handle[]): Handle[] | undefined {
    const shapes = this.#shapes[this.#runs++] as readonly Shape[];
    try {
      const outputs = this.#model.forward(...handles.map((handle) => new Tensor(handle)));
      return namedOutputs(outputs).map(([, tensor]) => unwrap(tensor));
    } catch (error) {
      if (this.#runs === 1 || !isRefusal(error)) throw error;
      const given = shapes.map((shape) => `[${shape.join(', ')}]`).join(' and ');
      this.refusal = `${given} is refused: ${error.message}`;
      return undefined;
    }
  }
}

const traced = <T>(fn: () => T): T =>
  withRecorder(
    () => {}, // a forward may look at its numbers unless it is recorded
    () => withFusedNorms('never', () => scope(() => noGrad(fn))),
  );

function takenSizes(
  inputs: readonly Shape[],
  dims: readonly number[],
  batch: number | null,
  halvings: number,
): ExportedSize[][] {
  return inputs.map((shape) => [
    batch ?? { atLeast: 0 },
    ...shape
      .slice(1)
      .map((size, i) => (varies(shape, i + 1, dims) ? { atLeast: halved(size, halvings) } : size)),
  ]);
}

function weightOf(parameters: readonly (readonly [string, Tensor])[]): DTypeOf | null {
  const [first] = parameters;
  return first === undefined ? null : { key: first[0], dtype: first[1].dtype };
}
