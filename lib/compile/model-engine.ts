import type { Tensor } from '../tensor/index.ts';
import type { EngineStats } from './native.ts';
import type { ModelDescription } from './run-inputs.ts';

/** What runs a compiled model: threads of the CPU, or a CUDA device. */
export interface ModelEngine {
  readonly description: ModelDescription;
  readonly disposed: boolean;
  /** @throws CompiledModelError `ERR_COMPILED_DISPOSED`. */
  checkAlive(): void;
  /** The outputs for inputs that `checkInputs` let pass. */
  run(inputs: Tensor[], signal: AbortSignal | undefined): Promise<Tensor[]>;
  stats(): EngineStats;
  /** A token for other threads. */
  share(): string;
  save(path: string | URL): void;
  dispose(): void;
}
