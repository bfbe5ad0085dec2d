import { CheckpointError } from '../../errors.ts';
import type { Tensor } from '../../tensor/index.ts';

/** Version of one module's entries. */
export interface ModuleMetadata {
  version: number;
}

/**
 * Tensors by key, in PyTorch's order, with PyTorch's `_metadata`: the version of each module's entries, by module
 * path (`''` is the whole).
 */
export class StateDict extends Map<string, Tensor> {
  readonly _metadata = new Map<string, ModuleMetadata>();
}

/**
 * A state dict does not fit a module. The message has PyTorch's wording; the fields have every key, also where the
 * message shortens the list.
 */
export class StateDictError extends CheckpointError {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
  readonly mismatchedKeys: readonly string[];
  constructor(
    message: string,
    details: { missingKeys: string[]; unexpectedKeys: string[]; mismatchedKeys: string[] },
  ) {
    const { missingKeys, unexpectedKeys, mismatchedKeys } = details;
    const key = missingKeys[0] ?? unexpectedKeys[0] ?? mismatchedKeys[0];
    super(message, { code: codeOf(missingKeys, unexpectedKeys), ...(key === undefined ? {} : { key }) });
    this.missingKeys = missingKeys;
    this.unexpectedKeys = unexpectedKeys;
    this.mismatchedKeys = mismatchedKeys;
  }
}

function codeOf(missing: string[], unexpected: string[]): string {
  if (missing.length > 0) return 'ERR_CHECKPOINT_MISSING_KEY';
  return unexpected.length > 0 ? 'ERR_CHECKPOINT_UNEXPECTED_KEY' : 'ERR_CHECKPOINT_MISMATCH';
}
