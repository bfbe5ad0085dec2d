import type { Module } from '../nn/index.ts';

/** Knows which module's forward is running. */
export interface ModuleStack {
  /** Dotted path of the innermost running module; `''` is the network itself. */
  current(): string;
}

/**
 * Runs `fn` while the forward of every module of `model` notes that it runs. Modules are as before when it returns.
 */
export function withModuleStack<T>(model: Module, fn: (stack: ModuleStack) => T): T {
  const running: string[] = [];
  const restore = model.namedModules().map(([path, module]) => {
    const forward = module.forward;
    module.forward = (...inputs: unknown[]) => {
      running.push(path);
      try {
        return forward(...inputs);
      } finally {
        running.pop();
      }
    };
    return () => {
      module.forward = forward;
    };
  });
  try {
    return fn({ current: () => running.at(-1) ?? '' });
  } finally {
    for (const undo of restore) undo();
  }
}
