import { type Device, empty, type Tensor, zeros } from '../../../tensor/index.ts';
import { type Argument, checkNamed, checkTensor, flag, realWithin, wholeWithin } from '../../arguments.ts';
import * as init from '../../init/init.ts';
import { Module } from '../../module/module.ts';
import { Parameter } from '../../module/parameter.ts';
import { pythonFloat, pythonRepr } from '../../module/repr.ts';
import { checkCount } from '../../sizes.ts';
import { PackedSequence } from '../../utils/rnn.ts';
import { PLACE_ARGUMENTS, type PlaceOptions, tensorOptions } from '../place.ts';

/** Options of the recurrent layers. */
export interface RecurrentOptions extends PlaceOptions {
  /** Layers on top of each other. Default 1. */
  numLayers?: number;
  /** Default true. */
  bias?: boolean;
  /** Inputs and outputs are (batch, steps, features) rather than (steps, batch, features). Default false. */
  batchFirst?: boolean;
  /** Dropout between the layers. Default 0. */
  dropout?: number;
  /** Read each sequence from its end too. Default false. */
  bidirectional?: boolean;
}

/** What the ops of recurrent layers take behind the input, the states and the weights. */
export type RecurrentFlags = [
  hasBiases: boolean,
  numLayers: number,
  dropout: number,
  train: boolean,
  bidirectional: boolean,
];

/** Each layer has weights of its own, which are made one by one. */
export const MOST_LAYERS = 65536;

const OPTIONS = {
  numLayers: wholeWithin(1, MOST_LAYERS),
  bias: flag(),
  batchFirst: flag(),
  dropout: realWithin(0, 1, 'a probability'),
  bidirectional: flag(),
  ...PLACE_ARGUMENTS,
};

/** The common part of RNN, LSTM and GRU: weights, checks, packed and single sequences. */
export abstract class RecurrentBase extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  dropout: number;
  readonly bidirectional: boolean;
  readonly projSize: number;
  /** Keys of the weights in the order of torch's op. */
  readonly weightNames: readonly string[];

  /** @param gates How many matrices lie in one weight. */
  constructor(
    gates: number,
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions & { projSize?: number },
    more: Readonly<Record<string, Argument<unknown>>>,
  ) {
    super();
    const { name } = new.target;
    checkNamed(name, options, { ...OPTIONS, ...more });
    const { numLayers = 1, dropout = 0, projSize = 0 } = options;
    checkCount(name, 'inputSize', inputSize, 1);
    checkCount(name, 'hiddenSize', hiddenSize, 1);
    if (projSize >= hiddenSize) {
      throw new RangeError(`Expected a projSize below ${name} hiddenSize ${hiddenSize}, got ${projSize}`);
    }
    checkDropout(name, dropout, numLayers);
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = options.bias ?? true;
    this.batchFirst = options.batchFirst ?? false;
    this.dropout = dropout;
    this.bidirectional = options.bidirectional ?? false;
    this.projSize = projSize;
    this.weightNames = this.makeWeights(gates * hiddenSize, tensorOptions(options));
    this.resetParameters();
  }

  private makeWeights(rows: number, place: PlaceOptions): string[] {
    const width = this.projSize > 0 ? this.projSize : this.hiddenSize;
    const sides = this.bidirectional ? ['', '_reverse'] : [''];
    const names: string[] = [];
    const add = (name: string, shape: number[]): void => {
      this.registerParameter(name, new Parameter(empty(shape, place)));
      names.push(name);
    };
    for (let layer = 0; layer < this.numLayers; layer++) {
      const columns = layer === 0 ? this.inputSize : width * sides.length;
      for (const side of sides) {
        add(`weight_ih_l${layer}${side}`, [rows, columns]);
        add(`weight_hh_l${layer}${side}`, [rows, width]);
        if (this.bias) {
          add(`bias_ih_l${layer}${side}`, [rows]);
          add(`bias_hh_l${layer}${side}`, [rows]);
        }
        if (this.projSize > 0) add(`weight_hr_l${layer}${side}`, [this.projSize, this.hiddenSize]);
      }
    }
    return names;
  }

  /** Draws all weights anew from U(-1 / sqrt(hiddenSize), 1 / sqrt(hiddenSize)). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) init.uniform_(parameter, -bound, bound);
  }

  protected get weights(): Tensor[] {
    return this.weightNames.map((name) => Reflect.get(this, name) as Tensor);
  }

  protected get flags(): RecurrentFlags {
    return [this.bias, this.numLayers, this.dropout, this.training, this.bidirectional];
  }

  /** Features of each state; an LSTM's hidden state may have others than its cells. */
  protected abstract stateSizes(): number[];

  protected abstract runPadded(x: Tensor, states: Tensor[]): Tensor[];

  protected abstract runPacked(data: Tensor, batchSizes: Tensor, states: Tensor[]): Tensor[];

  /** Output and states after the last step, for padded or packed input; null states are zeros. */
  protected run(input: Tensor | PackedSequence, given: Tensor[] | null): [Tensor | PackedSequence, Tensor[]] {
    return input instanceof PackedSequence ? this.packed(input, given) : this.padded(input, given);
  }

  private packed(input: PackedSequence, given: Tensor[] | null): [PackedSequence, Tensor[]] {
    for (const state of given ?? []) checkTensor(this.constructor.name, 'hx', state);
    const { data, batchSizes, sortedIndices, unsortedIndices } = input;
    this.checkInput(data, 2);
    const batch = batchSizes.select(0, 0).item() as number;
    const ordered = given === null ? this.zeroStates(data, batch) : permuted(given, sortedIndices);
    this.checkStates(ordered, batch);
    const [output, ...states] = this.runPacked(data, batchSizes, ordered) as [Tensor, ...Tensor[]];
    const packed = new PackedSequence(output, batchSizes, sortedIndices, unsortedIndices);
    return [packed, permuted(states, unsortedIndices)];
  }

  private padded(input: Tensor, given: Tensor[] | null): [Tensor, Tensor[]] {
    const { name } = this.constructor;
    checkTensor(name, 'input', input);
    for (const state of given ?? []) checkTensor(name, 'hx', state);
    const dims = input.dim();
    if (dims !== 2 && dims !== 3) {
      throw new RangeError(`Expected 2 or 3 dimensions for ${name} input, got shape [${input.shape}]`);
    }
    for (const state of given ?? []) {
      if (state.dim() === dims) continue;
      throw new RangeError(
        `Expected ${dims} dimensions for the states of ${name}, as its input has, got shape [${state.shape}]`,
      );
    }
    if (dims === 3) return this.batch(input, given);
    const at = this.batchFirst ? 0 : 1;
    const [output, states] = this.batch(
      input.unsqueeze(at),
      given?.map((state) => state.unsqueeze(1)) ?? null,
    );
    return [output.squeeze(at), states.map((state) => state.squeeze(1))];
  }

  private batch(x: Tensor, given: Tensor[] | null): [Tensor, Tensor[]] {
    this.checkInput(x, 3);
    const batch = x.shape[this.batchFirst ? 0 : 1] as number;
    const start = given ?? this.zeroStates(x, batch);
    this.checkStates(start, batch);
    const [output, ...states] = this.runPadded(x, start) as [Tensor, ...Tensor[]];
    return [output, states];
  }

  private get rows(): number {
    return this.numLayers * (this.bidirectional ? 2 : 1);
  }

  private zeroStates(x: Tensor, batch: number): Tensor[] {
    const place = { dtype: x.dtype, device: x.device as Device };
    return this.stateSizes().map((size) => zeros([this.rows, batch, size], place));
  }

  private checkInput({ shape }: Tensor, dims: number): void {
    if (shape.length === dims && shape.at(-1) === this.inputSize) return;
    const { name } = this.constructor;
    throw new RangeError(
      `Expected ${this.inputSize} features (inputSize) in the last of ${dims} dimensions for ${name} input, got shape [${shape}]`,
    );
  }

  private checkStates(states: readonly Tensor[], batch: number): void {
    for (const [i, size] of this.stateSizes().entries()) {
      const want = `${[this.rows, batch, size]}`;
      const got = `${states[i]?.shape}`;
      if (want === got) continue;
      const which = ['hidden', 'cell'][i];
      throw new RangeError(
        `Expected shape [${want}] for the ${which} state of ${this.constructor.name}, got [${got}]`,
      );
    }
  }

  override extraRepr(): string {
    const { numLayers, bias, batchFirst, dropout, bidirectional, projSize } = this;
    const parts = [`${this.inputSize}, ${this.hiddenSize}`];
    if (projSize !== 0) parts.push(`proj_size=${projSize}`);
    if (numLayers !== 1) parts.push(`num_layers=${numLayers}`);
    if (!bias) parts.push(`bias=${pythonRepr(bias)}`);
    if (batchFirst) parts.push(`batch_first=${pythonRepr(batchFirst)}`);
    if (dropout !== 0) parts.push(`dropout=${pythonFloat(dropout)}`);
    if (bidirectional) parts.push(`bidirectional=${pythonRepr(bidirectional)}`);
    return parts.join(', ');
  }
}

function permuted(states: readonly Tensor[], order: Tensor | null): Tensor[] {
  return states.map((state) => (order === null ? state : state.indexSelect(1, order)));
}

function checkDropout(name: string, dropout: number, numLayers: number): void {
  if (dropout === 0 || numLayers > 1) return;
  process.emitWarning(
    `${name}: dropout ${dropout} comes after all layers but the last, and there is one; pass numLayers above 1`,
    { code: 'IBN_RNN_DROPOUT' },
  );
}
