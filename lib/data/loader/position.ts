import { describeValue } from '../../options.ts';
import { Generator, getRngState, isTensor, keep, setRngState, type Tensor } from '../../tensor/index.ts';

/**
 * Where a `DataLoader` stands: what `stateDict()` gives, to be saved beside a model. Generators are the default one of
 * the CPU, then those that the loader or its samplers have of their own.
 */
export interface DataLoaderState {
  /** Batches that the running epoch has given; 0 between epochs. */
  readonly batches: number;
  /** The generators' states when the running epoch began; empty between epochs. */
  readonly began: readonly Tensor[];
  /** The states of the loader's own generators now. */
  readonly own: readonly Tensor[];
}

/** Remembers how far an epoch is, and how its random numbers began. */
export class Position {
  readonly #own: readonly Generator[];
  #began: readonly Tensor[] = [];
  #batches = 0;

  constructor(own: readonly Generator[]) {
    this.#own = own;
  }

  /** A new epoch; before anything is drawn for it. */
  begin(): void {
    for (const state of this.#began) state.dispose();
    this.#began = [getRngState(), ...this.#own.map((generator) => generator.getState())].map(keep);
    this.#batches = 0;
  }

  /** `batches` of the epoch have been given. */
  reach(batches: number): void {
    this.#batches = batches;
  }

  end(): void {
    for (const state of this.#began) state.dispose();
    this.#began = [];
    this.#batches = 0;
  }

  state(): DataLoaderState {
    return {
      batches: this.#batches,
      began: this.#began.map((state) => state.clone()),
      own: this.#own.map((generator) => generator.getState()),
    };
  }

  /** Puts own generators where they were; those of an epoch under way are set when it is begun again. */
  restore(state: DataLoaderState): void {
    for (const [i, generator] of this.#own.entries()) generator.setState(state.own[i] as Tensor);
  }

  /**
   * Begins an epoch as it was begun: `draw` runs on the random numbers of then. Afterwards the default generator is where
   * it was before, unless nothing had been given.
   */
  async replay<T>({ began, batches }: DataLoaderState, draw: () => Promise<T>): Promise<T> {
    const now = keep(getRngState());
    try {
      setRngState(began[0] as Tensor);
      for (const [i, generator] of this.#own.entries()) generator.setState(began[i + 1] as Tensor);
      this.begin();
      const drawn = await draw();
      if (batches > 0) setRngState(now);
      this.#batches = batches;
      return drawn;
    } finally {
      now.dispose();
    }
  }

  /** What a checkpoint has for a state. @throws TypeError, RangeError */
  check(value: unknown): DataLoaderState {
    const entry = (key: string) =>
      value instanceof Map ? value.get(key) : (value as Record<string, unknown> | null)?.[key];
    const batches = Number(entry('batches'));
    const [began, own] = [entry('began'), entry('own')];
    if (typeof value !== 'object' || value === null || !isStates(began) || !isStates(own)) {
      throw new TypeError(
        `Expected what stateDict() gave for DataLoader.loadStateDict, got ${describeValue(value)}`,
      );
    }
    const { length } = this.#own;
    const isFine = Number.isInteger(batches) && batches >= 0 && (began.length > 0 || batches === 0);
    if (isFine && own.length === length && (began.length === 0 || began.length === length + 1)) {
      return { batches, began, own };
    }
    throw new RangeError(
      `Expected the state of a DataLoader with ${length} generators of its own for DataLoader.loadStateDict, got one with ` +
        `${own.length}; make the loader as it was made`,
    );
  }
}

function isStates(value: unknown): value is Tensor[] {
  return Array.isArray(value) && value.every((state) => isTensor(state) && state.dtype === 'uint8');
}

/** The generators of a loader and of the samplers that it draws from. */
export function generatorsOf(own: Generator | null, sampler: unknown): Generator[] {
  const found = new Set<Generator>();
  if (own !== null) found.add(own);
  for (
    let part = sampler;
    typeof part === 'object' && part !== null;
    part = (part as { sampler?: unknown }).sampler
  ) {
    const { generator } = part as { generator?: unknown };
    if (generator instanceof Generator) found.add(generator);
  }
  return [...found];
}
