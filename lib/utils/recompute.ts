import { AutogradFunction } from '../autograd/function.ts';
import type { FunctionCtx } from '../autograd/function-ctx.ts';
import { withSavedHooks } from '../autograd/saved-tensors.ts';
import { TorchError } from '../errors.ts';
import { enableGrad, isTensor, keep, scope, type Tensor, zeros } from '../tensor/index.ts';
import { type Surroundings, surroundingsOf } from './surroundings.ts';

interface FrameOptions {
  preserveRngState: boolean;
  determinismCheck: 'default' | 'none';
  earlyStop: boolean;
}

/** Ends a recomputation that has all it needs. */
class Enough extends Error {}

/** Keeps the inputs as a node of the graph keeps them: through the hooks of a checkpoint around this one. */
class InputSaver extends AutogradFunction {
  static forward(
    ctx: FunctionCtx,
    holder: { ctx?: FunctionCtx },
    _requiresGrad: Tensor,
    ...inputs: Tensor[]
  ): Tensor {
    ctx.saveForBackward(...inputs);
    holder.ctx = ctx;
    return zeros([0]);
  }

  static backward(): never {
    throw new TorchError('Expected no gradient of what a checkpoint saved');
  }
}

/** One checkpoint: how to compute again what its forward saved. */
export class Frame<A extends unknown[], R> {
  readonly #run: (...inputs: A) => R;
  readonly #options: FrameOptions;
  readonly #surroundings: Surroundings;
  readonly #inputs: () => A;
  /** What each saved tensor was like, in the order of saving. */
  readonly #saved: string[] = [];
  /** What was computed again, for each backward pass; a tensor leaves when it is used. */
  readonly #recomputed = new Map<number, (Tensor | null)[]>();

  constructor(run: (...inputs: A) => R, inputs: A, options: FrameOptions) {
    this.#run = run;
    this.#options = options;
    this.#surroundings = surroundingsOf(inputs.filter(isTensor), options.preserveRngState);
    this.#inputs = saveInputs(inputs);
  }

  forward(inputs: A): R {
    return withSavedHooks(
      (tensor) => this.#saved.push(describeTensor(tensor)) - 1,
      (index: number, pass) => this.#take(index, pass),
      () => this.#run(...inputs),
      true,
    );
  }

  #take(index: number, pass: number): Tensor {
    // Outside a backward pass nothing says that a value is asked for once.
    let values = pass < 0 ? undefined : this.#recomputed.get(pass);
    if (values === undefined) {
      values = this.#recompute();
      if (pass >= 0) this.#recomputed.set(pass, values);
    }
    const value = values[index];
    if (value === undefined) throw mismatch(`${this.#saved.length} saved tensors`, `${values.length}`);
    if (value === null) {
      throw new TorchError(
        'Expected each tensor that a checkpoint recomputes to be read once in a backward pass, got a second read',
      );
    }
    values[index] = null;
    if (values.every((other) => other === null)) this.#recomputed.delete(pass);
    return value;
  }

  /** The tensors that the forward saves, by running it once more. */
  #recompute(): (Tensor | null)[] {
    const values: Tensor[] = [];
    const save = (tensor: Tensor): Tensor => {
      if (values.length >= this.#saved.length) {
        throw mismatch(`${this.#saved.length} saved tensors`, 'more');
      }
      values.push(tensor);
      if (this.#options.earlyStop && values.length === this.#saved.length) throw new Enough();
      return tensor;
    };
    this.#surroundings.restore(() => enableGrad(() => this.#runUntilEnough(save)));
    this.#compare(values);
    return values;
  }

  #runUntilEnough(save: (tensor: Tensor) => Tensor): void {
    try {
      scope(() => {
        withSavedHooks(
          save,
          (tensor: Tensor) => tensor,
          () => this.#run(...this.#inputs()),
        );
      });
    } catch (error) {
      if (!(error instanceof Enough)) throw error;
    }
  }

  #compare(values: readonly Tensor[]): void {
    if (values.length !== this.#saved.length) {
      throw mismatch(`${this.#saved.length} saved tensors`, `${values.length}`);
    }
    if (this.#options.determinismCheck === 'none') return;
    for (const [i, tensor] of values.entries()) {
      const [before, now] = [this.#saved[i] as string, describeTensor(tensor)];
      if (before !== now) throw mismatch(`${before} for saved tensor ${i}`, now);
    }
  }
}

function saveInputs<A extends unknown[]>(inputs: A): () => A {
  const holder: { ctx?: FunctionCtx } = {};
  const isSaved = inputs.map(isTensor);
  const others = inputs.map((input) => (isTensor(input) ? undefined : input));
  const anchor = keep(
    InputSaver.apply(holder, zeros([0], { requiresGrad: true }), ...inputs.filter(isTensor)),
  );
  return () => {
    // The node of the anchor has the tensors, as long as the anchor is there.
    const tensors = anchor.disposed ? [] : [...(holder.ctx?.savedTensors ?? [])];
    return others.map((other, i) => (isSaved[i] ? tensors.shift() : other)) as A;
  };
}

const describeTensor = ({ shape, dtype, device }: Tensor): string =>
  `[${shape.join(', ')}] ${dtype} on ${device}`;

function mismatch(expected: string, got: string): TorchError {
  return new TorchError(
    `Expected ${expected} from the second run of a checkpoint's function, as from the first, got ${got}; it must do the same ` +
      'both times',
    { code: 'ERR_RECOMPUTE_MISMATCH' },
  );
}
