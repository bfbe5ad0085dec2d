import type { Module } from '../../nn/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { trace } from '../trace/trace.ts';
import type { Trace, TraceArg } from '../trace/types.ts';

/**
 * The evaluation forward of a network as it was recorded. It names parameters and buffers, whose numbers are read when it is
 * lowered: lowered again, it has those of then.
 */
export class Recording {
  readonly model: Module;
  readonly #inputs: readonly (readonly number[])[];
  #trace: Trace | undefined;
  #constants: Tensor[] = [];

  /** @param inputs Shapes of the inputs, batch first. */
  constructor(model: Module, inputs: readonly (readonly number[])[]) {
    this.model = model;
    this.#inputs = inputs;
  }

  /**
   * The forward runs only where there is no recording of it that still holds.
   *
   * @throws CompileError where it cannot be recorded
   */
  trace(): Trace {
    if (this.#trace !== undefined && this.#holds(this.#trace)) return this.#trace;
    this.dispose();
    const constants: Tensor[] = [];
    try {
      this.#trace = trace(this.model, this.#inputs, constants);
    } finally {
      this.#constants = constants;
    }
    return this.#trace;
  }

  dispose(): void {
    this.#trace = undefined;
    for (const tensor of this.#constants) tensor.dispose();
    this.#constants = [];
  }

  /** What the forward made of parameters is as they were; and another tensor may be in a parameter's place. */
  #holds({ ops }: Trace): boolean {
    if (this.#constants.length > 0) return false;
    if (this.model.modules().some(({ training }) => training)) return false;
    const now = new Map<string, Tensor>([...this.model.namedParameters(), ...this.model.namedBuffers()]);
    const isSame = (arg: TraceArg): boolean => {
      if (arg.kind === 'list') return arg.items.every(isSame);
      return arg.kind !== 'constant' || (arg.key !== null && now.get(arg.key) === arg.tensor);
    };
    return ops.every(({ args }) => args.every(isSame));
  }
}
