const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Aborts at the first SIGINT or SIGTERM; the second ends the process. */
export class StopSignals {
  readonly #stop = new AbortController();
  readonly #told: (signal: NodeJS.Signals) => void;
  #count = 0;

  /** @param told called at the first */
  constructor(told: (signal: NodeJS.Signals) => void) {
    this.#told = told;
    for (const name of SIGNALS) process.on(name, this.#received);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Stops as another rank was told to. */
  obey(): void {
    this.#stop.abort();
  }

  release(): void {
    for (const name of SIGNALS) process.off(name, this.#received);
  }

  readonly #received = (name: NodeJS.Signals): void => {
    this.#count++;
    if (this.#count > 1) process.exit(name === 'SIGINT' ? 130 : 143);
    this.#told(name);
    this.#stop.abort();
  };
}
