import { Module } from '../nn/index.ts';
import { checkOptions, checkPositions, describeValue } from '../options.ts';
import { type HookHandle, noGrad, Tensor, zeros } from '../tensor/index.ts';
import { count, textTable } from '../text-table.ts';
import { countOperations } from './operations.ts';

/** A line of a summary. */
export interface LayerSummary {
  /** Dotted path; `''` is the network itself. */
  readonly name: string;
  readonly type: string;
  /** 0 for the network itself. */
  readonly depth: number;
  /** Shape of the last output, or undefined where the layer was not called or gave no tensor. */
  readonly outputShape: readonly number[] | undefined;
  /** Elements of the layer's parameters, those of layers inside included. */
  readonly parameters: number;
  /** Multiply-accumulates of the convolutions and linear layers, those inside included. */
  readonly macs: number;
  /** Floating-point operations as published tables count them, those inside included. */
  readonly flops: number;
}

/** Options of `summary`. */
export interface SummaryOptions {
  /** How deep the printed table goes. Default 3. */
  depth?: number;
}

/** What a network consists of. It prints as a table. */
export class ModelSummary {
  /** Every module, before the ones inside it. */
  readonly layers: readonly LayerSummary[];
  readonly inputSize: readonly number[];
  readonly parameters: number;
  readonly trainableParameters: number;
  /** Multiply-accumulates of the convolutions and linear layers. */
  readonly macs: number;
  /** Multiply-accumulates as published tables have them: half of all floating-point operations. */
  readonly publishedMacs: number;
  readonly #depth: number;

  constructor(model: Module, layers: readonly LayerSummary[], inputSize: readonly number[], depth: number) {
    const whole = layers[0] as LayerSummary;
    this.layers = layers;
    this.inputSize = inputSize;
    this.parameters = whole.parameters;
    this.trainableParameters = elements(model.parameters().filter((p) => p.requiresGrad));
    this.macs = whole.macs;
    this.publishedMacs = whole.flops / 2;
    this.#depth = depth;
  }

  /** The table, and the totals below it. */
  toString(): string {
    const shown = this.layers.filter(({ depth }) => depth <= this.#depth);
    const isWhole = (layer: LayerSummary) =>
      layer.depth === this.#depth || !this.layers.some(({ name }) => isInside(name, layer.name));
    const cells = shown.map((layer) => rowOf(layer, isWhole(layer)));
    return [...textTable([HEADER, ...cells], NUMERIC), ...this.#totals()].join('\n');
  }

  #totals(): string[] {
    return [
      `Parameters: ${count(this.parameters)} (${count(this.trainableParameters)} trainable)`,
      `Mult-adds: ${millions(this.macs)} (${millions(this.publishedMacs)} as published tables count)`,
      `Input: [${this.inputSize.join(', ')}]`,
    ];
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

const HEADER = ['Layer', 'Output shape', 'Parameters', 'Mult-adds'];
const NUMERIC = new Set(['Parameters', 'Mult-adds']);
const millions = (value: number): string =>
  `${(value / 1e6).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}M`;
const elements = (tensors: readonly Tensor[]): number => tensors.reduce((sum, t) => sum + t.numel(), 0);
const isInside = (name: string, outer: string): boolean =>
  name !== outer && (outer === '' || name.startsWith(`${outer}.`));

/** Numbers stand where nothing below repeats them. */
function rowOf(layer: LayerSummary, whole: boolean): string[] {
  const { name, type, depth, outputShape, parameters, macs } = layer;
  const own = name.slice(name.lastIndexOf('.') + 1);
  const number = (value: number) => (whole && value > 0 ? count(value) : '--');
  return [
    '  '.repeat(depth) + type + (own === '' ? '' : ` (${own})`),
    outputShape === undefined ? '--' : `[${outputShape.join(', ')}]`,
    number(parameters),
    number(macs),
  ];
}

interface Call {
  outputShape: readonly number[];
  macs: number;
  flops: number;
}

/** Runs the network once on zeros, in evaluation, and notes what every module does. */
function observe(model: Module, inputSize: readonly number[]): Map<Module, Call> {
  const calls = new Map<Module, Call>();
  const made = new MadeTensors();
  const modes = model.modules().map((module) => [module, module.training] as const);
  const handles: HookHandle[] = modes.flatMap(([module]) => [
    module.registerForwardPreHook(() => made.enter()),
    module.registerForwardHook((_, inputs, output) => {
      if (inputs[0] instanceof Tensor && output instanceof Tensor) note(calls, module, inputs[0], output);
      made.leave(module, inputs, output);
    }),
  ]);
  const [parameter] = model.parameters();
  const place = parameter === undefined ? {} : { device: parameter.device, dtype: parameter.dtype };
  try {
    model.eval();
    noGrad(() => model.forward(zeros([...inputSize], place)));
  } finally {
    for (const handle of handles) handle.remove();
    for (const [module, training] of modes) module.training = training;
    made.disposeAll();
  }
  return calls;
}

/** Hooks take outputs out of the scopes that would free them; this frees them where those scopes end. */
class MadeTensors {
  #tensors: Tensor[] = [];
  readonly #starts: number[] = [];

  enter(): void {
    this.#starts.push(this.#tensors.length);
  }

  leave(module: Module, inputs: readonly unknown[], output: unknown): void {
    const inside = this.#tensors.splice(this.#starts.pop() ?? 0);
    if (!module.isOwnCode) {
      this.#forget(inputs);
      return;
    }
    dispose(inside, [...inputs, output]);
    // Inputs may be the model's own, and so may an output that is an input.
    if (output instanceof Tensor && !inputs.includes(output)) this.#tensors.push(output);
  }

  disposeAll(): void {
    dispose(this.#tensors, []);
  }

  /** What code of others made or saw may be kept there. */
  #forget(tensors: readonly unknown[]): void {
    this.#tensors = this.#tensors.filter((tensor) => !tensors.includes(tensor));
  }
}

function dispose(tensors: readonly Tensor[], except: readonly unknown[]): void {
  for (const tensor of tensors) if (!except.includes(tensor) && !tensor.disposed) tensor.dispose();
}

function note(calls: Map<Module, Call>, module: Module, input: Tensor, output: Tensor): void {
  const { macs, flops } = countOperations(module, input, output);
  const before = calls.get(module);
  calls.set(module, {
    outputShape: output.shape,
    macs: macs + (before?.macs ?? 0),
    flops: flops + (before?.flops ?? 0),
  });
}

/**
 * Lists the layers of a network with output shapes, parameters and multiply-accumulates, as torchinfo does. The
 * network runs once on zeros, in evaluation; its mode is put back.
 *
 * @param inputSize Shape of the input, batch included.
 * @example
 * const info = models.summary(models.resnet50_ibn_a(), [1, 3, 224, 224]);
 * console.log(info); // the table
 * info.macs; // 4089184256, of convolutions and linear layers
 * info.publishedMacs; // 4110.48e6: with norms, activations and pooling, as published tables count
 */
export function summary(
  model: Module,
  inputSize: readonly number[],
  options: SummaryOptions = {},
): ModelSummary {
  checkPositions('summary', arguments, 3);
  checkOptions('summary', options, ['depth']);
  if (!(model instanceof Module))
    throw new TypeError(`Expected a Module for summary, got ${describeValue(model)}`);
  const { depth = 3 } = options;
  if (!Number.isInteger(depth) || depth < 0)
    throw new RangeError(`Expected an integer of at least 0 for summary depth, got ${describeValue(depth)}`);
  const isSize = (size: unknown): boolean => Number.isInteger(size) && (size as number) >= 0;
  if (!Array.isArray(inputSize) || !inputSize.every(isSize)) {
    throw new TypeError(
      `Expected the sizes of an input, such as [1, 3, 224, 224], for summary, got ${describeValue(inputSize)}`,
    );
  }
  const calls = observe(model, inputSize);
  const layers = model.namedModules().map(([name, module]): LayerSummary => {
    const inside = module.modules().map((inner) => calls.get(inner));
    return {
      name,
      type: module.constructor.name,
      depth: name === '' ? 0 : name.split('.').length,
      outputShape: calls.get(module)?.outputShape,
      parameters: elements(module.parameters()),
      macs: inside.reduce((sum, call) => sum + (call?.macs ?? 0), 0),
      flops: inside.reduce((sum, call) => sum + (call?.flops ?? 0), 0),
    };
  });
  return new ModelSummary(model, layers, inputSize, options.depth ?? 3);
}
