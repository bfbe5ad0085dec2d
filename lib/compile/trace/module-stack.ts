import type { Module } from '../../nn/index.ts';

/** Knows which module's forward is running. */
export interface ModuleStack {
  /** Dotted path of the innermost running module; `''` is the network itself. */
  current(): string;
  /** Whether ops may be called from lines of others: of classes that are not this package's, or of hooks. */
  readonly hasForeignCode: boolean;
  /** Of the innermost module that threw this error; `''` where none did. */
  thrower(error: unknown): string;
}

/**
 * Runs `fn` while the forward of every module of `model` notes that it runs. Modules are as before when it returns.
 */
export function withModuleStack<T>(model: Module, fn: (stack: ModuleStack) => T): T {
  const running: string[] = [];
  let last: { error: unknown; path: string } | undefined;
  const modules = model.namedModules();
  const hasForeignCode = modules.some(([, module]) => !module.isOwnCode || module.hasHooks);
  const restore = modules.map(([path, module]) => {
    const forward = module.forward;
    module.forward = (...inputs: unknown[]) => {
      running.push(path);
      try {
        return forward(...inputs);
      } catch (error) {
        if (last?.error !== error) last = { error, path };
        throw error;
      } finally {
        running.pop();
      }
    };
    return () => {
      module.forward = forward;
    };
  });
  try {
    const thrower = (error: unknown) => (last?.error === error ? (last?.path ?? '') : '');
    return fn({ current: () => running.at(-1) ?? '', hasForeignCode, thrower });
  } finally {
    for (const undo of restore) undo();
  }
}
