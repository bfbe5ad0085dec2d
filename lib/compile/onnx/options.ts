import { checkChoice, checkCount, checkFlags, checkOptions, checkTexts } from '../../options.ts';
import type { ExampleInput } from '../example-inputs.ts';

/** Opsets that `exportOnnx` writes, and the version of the file format that came with each. */
export const IR_VERSIONS: Readonly<Record<number, number>> = {
  18: 8,
  19: 9,
  20: 9,
  21: 10,
  22: 10,
  23: 11,
  24: 12,
  25: 13,
  26: 13,
};

/** Written where no opset is asked for. */
export const DEFAULT_OPSET = 22;

/** What `exportOnnx` takes besides the model and the path. */
export interface ExportOnnxOptions {
  /** Shapes of the inputs, batch first, or tensors of the first parameter's dtype and device; of these the shape counts. */
  inputs: readonly ExampleInput[];
  /** The file takes any batch size, named `batch`. Default true; false: only that of `inputs`. */
  dynamicBatch?: boolean;
  /** Version of ONNX's set of operators, 18 to 26. Default 22. */
  opset?: number;
  /**
   * How norms are written. `ops` (default): as `InstanceNormalization`, `BatchNormalization` and `LayerNormalization`, which
   * runtimes fold and fuse. `decomposed`: as sums and products, for runtimes that lack one of them.
   */
  norms?: 'ops' | 'decomposed';
  /** Names of the inputs. Default `input`, or `input_0`, `input_1` and so on where there are several. */
  inputNames?: readonly string[];
  /** Names of the outputs. Default `output`, or what the forward's result calls them, as in `CompiledModel.run`. */
  outputNames?: readonly string[];
  /**
   * Write the weights into a file of their own beside the model, `PATH.data`. Default: only where the model would be larger than
   * the 2 GB that a protobuf file may have.
   */
  externalData?: boolean;
}

const OPTIONS = ['inputs', 'dynamicBatch', 'opset', 'norms', 'inputNames', 'outputNames', 'externalData'];

/** Options with their defaults; `externalData` null is by size. */
export interface OnnxSettings {
  readonly dynamicBatch: boolean;
  readonly opset: number;
  readonly norms: 'ops' | 'decomposed';
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[] | null;
  readonly externalData: boolean | null;
}

/** @throws TypeError, RangeError on wrong options. */
export function readOptions(options: ExportOnnxOptions): OnnxSettings {
  checkOptions('exportOnnx', options, OPTIONS);
  const { dynamicBatch = true, opset = DEFAULT_OPSET, norms = 'ops', externalData = null } = options;
  checkFlags('exportOnnx', { dynamicBatch, externalData: externalData ?? undefined });
  checkChoice('exportOnnx', 'norms', norms, ['ops', 'decomposed'] as const);
  checkOpset(opset);
  const count = Array.isArray(options.inputs) ? options.inputs.length : 1;
  const inputNames = options.inputNames ?? defaultNames(count);
  checkNames('inputNames', inputNames, count);
  if (options.outputNames !== undefined) checkNames('outputNames', options.outputNames);
  return { dynamicBatch, opset, norms, externalData, inputNames, outputNames: options.outputNames ?? null };
}

const defaultNames = (count: number): string[] =>
  count === 1 ? ['input'] : Array.from({ length: count }, (_, i) => `input_${i}`);

function checkOpset(opset: number): void {
  checkCount('exportOnnx', 'opset', opset);
  const known = Object.keys(IR_VERSIONS).map(Number);
  if (known.includes(opset)) return;
  const [least, most] = [Math.min(...known), Math.max(...known)];
  throw new RangeError(`Expected an opset from ${least} to ${most} for exportOnnx, got ${opset}`);
}

/** @throws RangeError unless there are as many as wanted, each given once. */
export function checkNames(option: string, names: readonly string[], count?: number): void {
  checkTexts(`exportOnnx ${option}`, 'names', names);
  if (count !== undefined && names.length !== count)
    throw new RangeError(
      `Expected ${count} name${count === 1 ? '' : 's'} for exportOnnx ${option}, got ${names.length}`,
    );
  const bad = names.find((name, i) => name === '' || names.indexOf(name) !== i);
  if (bad === undefined) return;
  const got = bad === '' ? 'an empty one' : `"${bad}" twice`;
  throw new RangeError(`Expected distinct names for exportOnnx ${option}, got ${got}`);
}
