import { TorchError } from '../../errors.ts';
import type { Module } from '../../nn/index.ts';
import { withRecorder } from '../../ops/index.ts';
import { type DType, Generator, noGrad, rand, scope, Tensor } from '../../tensor/index.ts';
import { CompileError } from '../errors.ts';
import { generalise } from './batch.ts';
import { withModuleStack } from './module-stack.ts';
import { TraceRecorder } from './recorder.ts';
import { callTraced } from './site.ts';
import type { Trace } from './types.ts';

/**
 * Records what the evaluation forward of `model` does, for any batch size: it runs twice on random inputs, with
 * batches of 3 and 1, and what grows with the batch is told by comparing. 1, as ops do other things there: `squeeze()`.
 *
 * @param inputs Shapes of the inputs, batch first; the batch given is not used.
 * @param batches Two sizes of the batch; one size twice records a forward for that size alone. Default 3 and 1.
 * @param use Gets the trace. Constants in it that are no parameters are freed when it returns.
 * @throws CompileError where the forward cannot be recorded, with the module and the line.
 */
export function withTrace<T>(
  model: Module,
  inputs: readonly (readonly number[])[],
  use: (trace: Trace) => T,
  batches: readonly [number, number] = [3, 1],
): T {
  const kept: Tensor[] = [];
  try {
    return use(trace(model, inputs, kept, batches));
  } finally {
    for (const tensor of kept) tensor.dispose();
  }
}

/** The trace of `withTrace`. Its constants that are no parameters are added to `kept`, also where it throws. */
export function trace(
  model: Module,
  inputs: readonly (readonly number[])[],
  kept: Tensor[],
  batches: readonly [number, number] = [3, 1],
): Trace {
  checkMode(model);
  const [one, other] = batches.map((batch, i) => record(model, inputs, batch, i, kept)) as [Trace, Trace];
  return generalise(one, other);
}

function checkMode(model: Module): void {
  const training = model.namedModules().find(([, module]) => module.training);
  if (training === undefined) return;
  const where = training[0] === '' ? 'the network' : `module "${training[0]}"`;
  throw new CompileError(
    `Expected a network in evaluation mode for compile, got ${where} in training mode; call model.eval() first`,
    { code: 'ERR_COMPILE_TRAINING', module: training[0] },
  );
}

function record(
  model: Module,
  shapes: readonly (readonly number[])[],
  batch: number,
  seed: number,
  kept: Tensor[],
): Trace {
  const keys = new Map<Tensor, string>();
  for (const [key, tensor] of [...model.namedParameters(), ...model.namedBuffers()]) keys.set(tensor, key);
  return scope(() =>
    noGrad(() =>
      withModuleStack(model, (modules) => {
        const recorder = new TraceRecorder(keys, modules);
        try {
          const examples = makeInputs(model, shapes, batch, seed);
          const inputs = examples.map((example) => recorder.addInput(example));
          const result = withRecorder(
            recorder.record,
            () => callTraced(() => model.forward(...examples)),
            recorder.standIn,
          );
          const outputs = namedOutputs(result).map(([name, tensor]) => ({
            name,
            value: recorder.outputValue(tensor, name),
          }));
          return { batch, inputs, values: recorder.values, ops: recorder.ops, outputs };
        } catch (error) {
          throw compileError(error, modules.thrower(error), shapes) ?? error;
        } finally {
          kept.push(...recorder.kept);
        }
      }),
    ),
  );
}

function compileError(
  error: unknown,
  module: string,
  shapes: readonly (readonly number[])[],
): CompileError | undefined {
  if (error instanceof TorchError && error.code === 'ERR_TENSOR_DISPOSED')
    return disposedError(error, module);
  return isRefusal(error) ? forwardError(error, module, shapes) : undefined;
}

/** What a forward keeps of one call is gone in the next. */
function disposedError(cause: Error, module: string): CompileError {
  const message = `Expected a forward that uses no tensor of an earlier call for compile, got: ${cause.message}`;
  return new CompileError(message, { code: 'ERR_COMPILE_UNRECORDED', module, cause });
}

/** An op or layer that does not take what it got; memory that is out is another matter. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof TorchError
    ? error.code.startsWith('ERR_TORCH')
    : /^(Range|Type)Error$/.test((error as Error)?.name);
}

function forwardError(cause: Error, module: string, shapes: readonly (readonly number[])[]): CompileError {
  const got = shapes.map(([, ...sizes]) => `[N, ${sizes.join(', ')}]`).join(' and ');
  const where = module === '' ? 'it' : `module "${module}"`;
  return new CompileError(
    `Expected inputs that the forward takes for compile, got ${got}; ${where} fails with batches of 1 and 3: ${cause.message}`,
    { code: 'ERR_COMPILE_FORWARD', module, cause },
  );
}

/** Different numbers for each run, so that constants computed from values show. */
function makeInputs(
  model: Module,
  shapes: readonly (readonly number[])[],
  batch: number,
  seed: number,
): Tensor[] {
  const [parameter] = model.parameters();
  const dtype: DType = parameter?.dtype ?? 'float32';
  const device = parameter?.device ?? 'cpu';
  const generator = new Generator();
  generator.manualSeed(seed);
  return shapes.map((shape) =>
    rand([batch, ...shape.slice(1)], { generator })
      .sub_(0.5)
      .to({ dtype, device }),
  );
}

/** Tensors of a result by name: `output` for a lone one, else their keys or places, joined by dots. */
export function namedOutputs(result: unknown, name = ''): [string, Tensor][] {
  if (result instanceof Tensor) return [[name === '' ? 'output' : name, result]];
  const entries =
    result instanceof Map ? [...result] : typeof result === 'object' && result ? Object.entries(result) : [];
  if (entries.length === 0) {
    const got = typeof result === 'object' ? 'an object without any' : typeof result;
    throw new CompileError(`Expected tensors as outputs for compile, got ${got}`, {
      code: 'ERR_COMPILE_UNRECORDED',
    });
  }
  return entries.flatMap(([key, item]) => namedOutputs(item, name === '' ? String(key) : `${name}.${key}`));
}
