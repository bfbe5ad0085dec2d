import type { Handle } from '../binding.ts';
import { unwrap, wrapTensor } from '../ops/index.ts';
import { checkPositions, describeValue } from '../options.ts';
import { isTensor, type Tensor } from '../tensor/index.ts';
import { native } from '../tensor/native.ts';

/** What a forward said of its tensors. */
export interface Marks {
  saved: readonly (Tensor | null)[];
  dirty: readonly Tensor[];
  nonDifferentiable: readonly Tensor[];
  materializeGrads: boolean;
}

const NOTHING: Marks = { saved: [], dirty: [], nonDifferentiable: [], materializeGrads: true };

/**
 * What forward and backward of one call of an `autograd.Function` share. Numbers and other plain values may be put on it as
 * properties; tensors go through `saveForBackward`: an output put here would never be freed.
 *
 * @typeParam S - what is saved, for `savedTensors`; it is not checked.
 */
export class FunctionCtx<S extends readonly (Tensor | null)[] = Tensor[]> {
  /** For each argument of forward: whether it is a tensor that requires grad. */
  readonly needsInputGrad: readonly boolean[];
  readonly #name: string;
  #marks: Marks = NOTHING;
  #isOver = false;
  #saved: Handle | null = null;
  #forForward: readonly (Tensor | null)[] | null = null;

  /** @internal */
  constructor(name: string, needsInputGrad: readonly boolean[]) {
    this.#name = name;
    this.needsInputGrad = needsInputGrad;
  }

  /**
   * Keeps inputs, outputs or other tensors of forward for backward; null holds a place. Called once: another call
   * replaces what the first one saved.
   */
  saveForBackward(...tensors: S): void {
    const wrong = tensors.find((tensor) => tensor !== null && !isTensor(tensor));
    if (wrong !== undefined) {
      throw new TypeError(
        `Expected Tensors or null for saveForBackward of ${this.#name}, got ${describeValue(wrong)}`,
      );
    }
    this.#mark('saveForBackward', { saved: tensors });
  }

  /** The same for `jvp`, which forward mode calls right after forward: what it reads as `savedTensors`. */
  saveForForward(...tensors: S): void {
    const wrong = tensors.find((tensor) => tensor !== null && !isTensor(tensor));
    if (wrong !== undefined) {
      throw new TypeError(
        `Expected Tensors or null for saveForForward of ${this.#name}, got ${describeValue(wrong)}`,
      );
    }
    this.#mark('saveForForward', {});
    this.#forForward = tensors;
  }

  /** Says which inputs forward changes in place. It must return them too. */
  markDirty(...tensors: Tensor[]): void {
    this.#checkTensors('markDirty', tensors);
    this.#mark('markDirty', { dirty: tensors });
  }

  /** Says which outputs have no gradient; backward gets zeros for them. Integer outputs never have one. */
  markNonDifferentiable(...tensors: Tensor[]): void {
    this.#checkTensors('markNonDifferentiable', tensors);
    this.#mark('markNonDifferentiable', { nonDifferentiable: tensors });
  }

  /** Whether backward gets zeros, instead of null, for outputs that have no gradient. Default true. */
  setMaterializeGrads(value: boolean): void {
    checkPositions(`setMaterializeGrads of ${this.#name}`, arguments, 1);
    if (typeof value !== 'boolean') {
      throw new TypeError(
        `Expected a boolean for setMaterializeGrads of ${this.#name}, got ${describeValue(value)}`,
      );
    }
    this.#mark('setMaterializeGrads', { materializeGrads: value });
  }

  /**
   * What `saveForBackward` kept; each read makes new objects.
   *
   * @throws TorchError after a backward that did not retain the graph, and where a saved tensor was changed in place.
   */
  get savedTensors(): S {
    if (this.#isOver && this.#forForward !== null) return this.#forForward as S;
    if (!this.#isOver) return this.#marks.saved as S;
    if (this.#saved === null) return [] as unknown as S;
    return native.savedTensors(this.#saved).map(wrapTensor) as unknown as S;
  }

  #checkTensors(method: string, tensors: readonly unknown[]): void {
    const wrong = tensors.find((tensor) => !isTensor(tensor));
    if (tensors.every(isTensor)) return;
    throw new TypeError(`Expected Tensors for ${method} of ${this.#name}, got ${describeValue(wrong)}`);
  }

  #mark(method: string, marks: Partial<Marks>): void {
    if (this.#isOver) {
      throw new TypeError(`Expected ${method} of ${this.#name} in forward, got a call after it`);
    }
    this.#marks = { ...this.#marks, ...marks };
  }

  /**
   * Ends forward: its tensors are the graph's from here on.
   *
   * @internal
   */
  end(record: (marks: Marks) => Handle | null): void {
    const marks = this.#marks;
    this.#marks = NOTHING;
    this.#isOver = true;
    this.#saved = record(marks);
    this.#forForward = null;
  }
}

/** Handles of tensors, null for none. */
export const handles = (tensors: readonly (Tensor | null)[]): (Handle | null)[] =>
  tensors.map((tensor) => (tensor === null ? null : unwrap(tensor)));
