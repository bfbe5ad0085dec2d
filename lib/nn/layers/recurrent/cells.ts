import { checkPositions } from '../../../options.ts';
import { type Device, empty, ops, type Tensor, zeros } from '../../../tensor/index.ts';
import { type Argument, checkNamed, checkTensor, flag, refuse } from '../../arguments.ts';
import * as init from '../../init/init.ts';
import { Module } from '../../module/module.ts';
import { Parameter } from '../../module/parameter.ts';
import { checkCount } from '../../sizes.ts';
import { PLACE_ARGUMENTS, type PlaceOptions, tensorOptions } from '../place.ts';
import { NONLINEARITY, type RecurrentNonlinearity } from './recurrent.ts';

/** Options of the recurrent cells. */
export interface CellOptions extends PlaceOptions {
  /** Default true. */
  bias?: boolean;
}

type Weights = [weightIh: Tensor, weightHh: Tensor, biasIh: Tensor | null, biasHh: Tensor | null];

/** The common part: weights, and single inputs as batches of one. */
abstract class Cell extends Module {
  weight_ih: Parameter;
  weight_hh: Parameter;
  bias_ih: Parameter | null;
  bias_hh: Parameter | null;
  readonly inputSize: number;
  readonly hiddenSize: number;

  /** @param gates How many matrices lie in one weight. */
  constructor(
    gates: number,
    inputSize: number,
    hiddenSize: number,
    options: CellOptions,
    more: Readonly<Record<string, Argument<unknown>>> = {},
  ) {
    super();
    const { name } = new.target;
    checkNamed(name, options, { bias: flag(), ...PLACE_ARGUMENTS, ...more });
    checkCount(name, 'inputSize', inputSize, 1);
    checkCount(name, 'hiddenSize', hiddenSize, 1);
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    const make = (...shape: number[]): Parameter => new Parameter(empty(shape, tensorOptions(options)));
    const rows = gates * hiddenSize;
    const hasBias = options.bias ?? true;
    this.weight_ih = make(rows, inputSize);
    this.weight_hh = make(rows, hiddenSize);
    this.bias_ih = hasBias ? make(rows) : null;
    this.bias_hh = hasBias ? make(rows) : null;
    this.resetParameters();
  }

  /** Draws all weights anew from U(-1 / sqrt(hiddenSize), 1 / sqrt(hiddenSize)). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) init.uniform_(parameter, -bound, bound);
  }

  protected get weights(): Weights {
    return [this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh];
  }

  /** Runs `step` on a batch; missing states are zeros. */
  protected run(
    x: Tensor,
    given: readonly Tensor[] | null,
    step: (x: Tensor, states: Tensor[]) => Tensor[],
  ): Tensor[] {
    this.checkInput(x, given ?? []);
    const isBatched = x.dim() === 2;
    const batch = isBatched ? x : x.unsqueeze(0);
    const states = given === null ? [this.zeros(batch)] : given.map((s) => (isBatched ? s : s.unsqueeze(0)));
    const next = step(batch, states);
    return isBatched ? next : next.map((state) => state.squeeze(0));
  }

  private zeros(x: Tensor): Tensor {
    return zeros([x.shape[0] as number, this.hiddenSize], { dtype: x.dtype, device: x.device as Device });
  }

  private checkInput(x: Tensor, states: readonly Tensor[]): void {
    const { name } = this.constructor;
    checkTensor(name, 'x', x);
    for (const state of states) checkTensor(name, 'hx', state);
    const dims = x.dim();
    if ((dims !== 1 && dims !== 2) || x.shape.at(-1) !== this.inputSize) {
      throw new RangeError(
        `Expected shape [batch, ${this.inputSize}] or [${this.inputSize}] for ${name} input, got [${x.shape}]`,
      );
    }
    const want = [...x.shape.slice(0, -1), this.hiddenSize];
    for (const state of states) {
      if (`${state.shape}` === `${want}`) continue;
      throw new RangeError(`Expected shape [${want}] for the states of ${name}, got [${state.shape}]`);
    }
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias_ih === null ? ', bias=False' : ''}`;
  }
}

/** Options of RNNCell. */
export interface RNNCellOptions extends CellOptions {
  /** Default `'tanh'`. */
  nonlinearity?: RecurrentNonlinearity;
}

/** One step of an RNN: (batch, inputSize) and a state (batch, hiddenSize) give the next state. */
export class RNNCell extends Cell {
  readonly nonlinearity: RecurrentNonlinearity;

  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    checkPositions('RNNCell', arguments, 3);
    super(1, inputSize, hiddenSize, options, { nonlinearity: NONLINEARITY });
    this.nonlinearity = options.nonlinearity ?? 'tanh';
  }

  /** @param hx The state; zeros by default. */
  forward(x: Tensor, hx: Tensor | null = null): Tensor {
    checkPositions(this.constructor.name, arguments, 2);
    const op = this.nonlinearity === 'tanh' ? ops.aten.rnn_tanh_cell : ops.aten.rnn_relu_cell;
    return this.run(x, hx && [hx], (batch, [h]) => [op(batch, h as Tensor, ...this.weights)])[0] as Tensor;
  }

  override extraRepr(): string {
    return `${super.extraRepr()}${this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`}`;
  }
}

/** One step of a GRU. */
export class GRUCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    checkPositions('GRUCell', arguments, 3);
    super(3, inputSize, hiddenSize, options);
  }

  /** @param hx The state; zeros by default. */
  forward(x: Tensor, hx: Tensor | null = null): Tensor {
    checkPositions(this.constructor.name, arguments, 2);
    const step = (batch: Tensor, [h]: Tensor[]) => [ops.aten.gru_cell(batch, h as Tensor, ...this.weights)];
    return this.run(x, hx && [hx], step)[0] as Tensor;
  }
}

/** One step of an LSTM: [hidden, cell], each (batch, hiddenSize). */
export class LSTMCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    checkPositions('LSTMCell', arguments, 3);
    super(4, inputSize, hiddenSize, options);
  }

  /** @param hx Hidden state and cell; zeros by default. */
  forward(x: Tensor, hx: readonly [Tensor, Tensor] | null = null): [Tensor, Tensor] {
    checkPositions(this.constructor.name, arguments, 2);
    if (hx !== null && !(Array.isArray(hx) && hx.length === 2))
      refuse(this.constructor.name, 'hx', '[hidden, cell]', hx, false);
    const step = (batch: Tensor, [h, c = h]: Tensor[]) =>
      ops.aten.lstm_cell(batch, [h as Tensor, c as Tensor], ...this.weights);
    return this.run(x, hx, step) as [Tensor, Tensor];
  }
}
