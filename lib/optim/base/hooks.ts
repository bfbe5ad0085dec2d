import { checkOptions, describeValue } from '../../options.ts';

/** Takes a hook off again. */
export interface HookHandle {
  remove(): void;
}

/** Where a hook goes among those that are there: behind them, or before them with `prepend`. */
export interface HookOptions {
  /** Run before the hooks that are there. Default false. */
  prepend?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: hooks take and return what their place says
type AnyHook = (...args: any[]) => any;

/** Hooks of one place, in the order in which they run. */
export class HookList<Hook extends AnyHook> {
  #hooks: Hook[] = [];

  /** @throws TypeError for what is no function. */
  add(owner: string, hook: Hook, options: HookOptions = {}): HookHandle {
    checkOptions(owner, options, ['prepend']);
    if (typeof hook !== 'function') {
      throw new TypeError(`Expected a function for ${owner}, got ${describeValue(hook)}`);
    }
    // A function of its own, so that one hook added twice is taken off once.
    const entry = ((...args) => hook(...args)) as Hook;
    this.#hooks = options.prepend ? [entry, ...this.#hooks] : [...this.#hooks, entry];
    return {
      remove: () => {
        this.#hooks = this.#hooks.filter((other) => other !== entry);
      },
    };
  }

  /** Calls each with `args`. */
  call(...args: Parameters<Hook>): void {
    for (const hook of this.#hooks) hook(...args);
  }

  /** Passes a value through the hooks: what one returns, other than undefined, takes its place. */
  pass<T>(value: T, run: (hook: Hook, value: T) => T | undefined): T {
    return this.#hooks.reduce((now, hook) => run(hook, now) ?? now, value);
  }
}
