import { checkPositions } from '../../../options.ts';
import { ops, type Tensor } from '../../../tensor/index.ts';
import { choice, whole } from '../../arguments.ts';
import type { PackedSequence } from '../../utils/rnn.ts';
import { RecurrentBase, type RecurrentOptions } from './base.ts';

/** Non-linearity of RNN and RNNCell. */
export type RecurrentNonlinearity = 'tanh' | 'relu';

export const NONLINEARITY = choice<RecurrentNonlinearity>(['tanh', 'relu']);

/** The layers with one state, which differ by their op. */
abstract class OneState extends RecurrentBase {
  protected abstract get op(): typeof ops.aten.gru;

  /**
   * @param input (steps, batch, inputSize), with `batchFirst` (batch, steps, inputSize), (steps, inputSize), or packed.
   * @param hx First state (numLayers * directions, batch, hiddenSize); zeros by default.
   * @returns The output of the last layer at each step, hiddenSize * directions features, and the state after the last step.
   */
  forward(input: Tensor, hx?: Tensor | null): [Tensor, Tensor];
  forward(input: PackedSequence, hx?: Tensor | null): [PackedSequence, Tensor];
  forward(input: Tensor | PackedSequence, hx: Tensor | null = null): [Tensor | PackedSequence, Tensor] {
    checkPositions(this.constructor.name, arguments, 2);
    const [output, [state]] = this.run(input, hx === null ? null : [hx]);
    return [output, state as Tensor];
  }

  protected stateSizes(): number[] {
    return [this.hiddenSize];
  }

  protected runPadded(x: Tensor, [hx]: [Tensor]): Tensor[] {
    return this.op.input(x, hx, this.weights, ...this.flags, this.batchFirst);
  }

  protected runPacked(data: Tensor, batchSizes: Tensor, [hx]: [Tensor]): Tensor[] {
    return this.op.data(data, batchSizes, hx, this.weights, ...this.flags);
  }
}

/** Options of RNN. */
export interface RNNOptions extends RecurrentOptions {
  /** Default `'tanh'`. */
  nonlinearity?: RecurrentNonlinearity;
}

/**
 * Elman network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).
 *
 * @example const [output, hidden] = new nn.RNN(8, 16).forward(randn([5, 3, 8]));
 */
export class RNN extends OneState {
  readonly nonlinearity: RecurrentNonlinearity;

  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    checkPositions('RNN', arguments, 3);
    super(1, inputSize, hiddenSize, options, { nonlinearity: NONLINEARITY });
    this.nonlinearity = options.nonlinearity ?? 'tanh';
  }

  protected get op(): typeof ops.aten.gru {
    return this.nonlinearity === 'tanh' ? ops.aten.rnn_tanh : ops.aten.rnn_relu;
  }
}

/**
 * Gated recurrent unit.
 *
 * @example const [output, hidden] = new nn.GRU(8, 16, { bidirectional: true }).forward(randn([5, 3, 8]));
 */
export class GRU extends OneState {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    checkPositions('GRU', arguments, 3);
    super(3, inputSize, hiddenSize, options, {});
  }

  protected get op(): typeof ops.aten.gru {
    return ops.aten.gru;
  }
}

/** Options of LSTM. */
export interface LSTMOptions extends RecurrentOptions {
  /** Features of the hidden state and the output, below hiddenSize; 0 (default) for no projection. */
  projSize?: number;
}

/**
 * Long short-term memory.
 *
 * @example
 * const lstm = new nn.LSTM(8, 16, { numLayers: 2, batchFirst: true });
 * const [output, [hidden, cell]] = lstm.forward(randn([3, 5, 8]));
 */
export class LSTM extends RecurrentBase {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    checkPositions('LSTM', arguments, 3);
    super(4, inputSize, hiddenSize, options, { projSize: whole(0) });
  }

  /**
   * @param input (steps, batch, inputSize), with `batchFirst` (batch, steps, inputSize), (steps, inputSize), or packed.
   * @param hx First hidden state and cell, (numLayers * directions, batch, hiddenSize or projSize) and (..., hiddenSize);
   *   zeros by default.
   * @returns The output of the last layer at each step, and [hidden, cell] after the last step.
   */
  forward(input: Tensor, hx?: readonly [Tensor, Tensor] | null): [Tensor, [Tensor, Tensor]];
  forward(input: PackedSequence, hx?: readonly [Tensor, Tensor] | null): [PackedSequence, [Tensor, Tensor]];
  forward(
    input: Tensor | PackedSequence,
    hx: readonly [Tensor, Tensor] | null = null,
  ): [Tensor | PackedSequence, [Tensor, Tensor]] {
    checkPositions(this.constructor.name, arguments, 2);
    if (hx !== null && !(Array.isArray(hx) && hx.length === 2)) {
      throw new TypeError('Expected [hidden, cell] for the states of LSTM, got something else');
    }
    const [output, states] = this.run(input, hx === null ? null : [...hx]);
    return [output, states as [Tensor, Tensor]];
  }

  protected stateSizes(): number[] {
    return [this.projSize > 0 ? this.projSize : this.hiddenSize, this.hiddenSize];
  }

  protected runPadded(x: Tensor, hx: Tensor[]): Tensor[] {
    return ops.aten.lstm.input(x, hx, this.weights, ...this.flags, this.batchFirst);
  }

  protected runPacked(data: Tensor, batchSizes: Tensor, hx: Tensor[]): Tensor[] {
    return ops.aten.lstm.data(data, batchSizes, hx, this.weights, ...this.flags);
  }
}
