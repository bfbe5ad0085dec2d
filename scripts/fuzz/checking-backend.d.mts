/** The package's own, from lib/ or dist/. */
interface ReaderModules {
  readonly BufferSource: new (bytes: Uint8Array) => unknown;
  readonly readCheckpoint: (source: never, backend: never, options: never) => unknown;
  readonly DTYPE_LAYOUTS: Readonly<Record<string, { readonly itemsize: number }>>;
}

export function readCase(
  bytes: Uint8Array,
  modules: ReaderModules,
  kind?: string,
): { readonly outcome: string; readonly tensors: number };
