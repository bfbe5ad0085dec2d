/** A file to start from, taken apart. */
export interface Seed {
  readonly name: string;
  readonly bytes: Buffer;
  readonly kind: 'zip' | 'legacy' | 'safetensors';
}

export function readSeeds(folder: string): Seed[];

interface Writer {
  add(name: string, bytes: Uint8Array): void;
  finish(): void;
}

export class Cases {
  constructor(
    seed: number,
    seeds: readonly Seed[],
    ZipWriter: new (sink: (bytes: Uint8Array) => void) => Writer,
  );
  at(index: number): { readonly name: string; readonly kind: Seed['kind']; readonly bytes: Buffer };
}
