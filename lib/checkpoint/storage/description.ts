import type { PyStorage } from '../values.ts';
import type { StorageLayout } from './storage-table.ts';

/** What a file holds, before storages are touched. */
export interface Description {
  readonly root: unknown;
  readonly layout: StorageLayout;
  /** Every storage that the root refers to. */
  readonly storages: Iterable<PyStorage>;
  /** Texts that a safetensors file carries beside its tensors. */
  readonly metadata?: ReadonlyMap<string, string> | undefined;
}
