import type { Module } from '../../../nn/index.ts';

/** Shapes of a file's tensors by key. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Whose way of naming keys and preparing images a file follows. */
export type ReIDLayout = 'reid-strong-baseline' | 'fast-reid' | 'torchreid';

/** The layouts that `load` knows. */
export const REID_LAYOUTS: readonly ReIDLayout[] = ['reid-strong-baseline', 'fast-reid', 'torchreid'];

/** A network of this package that a file's keys and shapes describe. */
export interface Finding {
  readonly layout: ReIDLayout;
  /** What the network is called, such as `resnet50_ibn_a` or `SBS 50x ibn`. */
  readonly name: string;
  /** What the network's keys have in front in the file. */
  readonly prefix: string;
  /** Options that the shapes tell. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What no shape tells and was taken as the published code has it, in words. */
  readonly assumed: readonly string[];
  /** Beginnings of the classifier's keys, in the network. */
  readonly heads: readonly string[];
  /** Identities of the classifier in the file; undefined where it has none. */
  readonly numClasses: number | undefined;
  /** Height and width of the images that the published configuration has. */
  readonly size: readonly [number, number];
  /** The file's keys, without prefix, as the network's; null for what the network has no use for. */
  rename(key: string): string | null;
  build(options: Readonly<Record<string, unknown>>): Module;
}

/** What is under a prefix, without it. */
export function under(shapes: Shapes, prefix: string): Map<string, readonly number[]> {
  const own = [...shapes].filter(([key]) => key.startsWith(prefix));
  return new Map(own.map(([key, shape]) => [key.slice(prefix.length), shape]));
}

/** What stands before the first key that fits, or undefined. */
export function prefixBefore(shapes: Shapes, pattern: RegExp): string | undefined {
  for (const key of shapes.keys()) {
    const match = pattern.exec(key);
    if (match !== null) return key.slice(0, match.index);
  }
  return undefined;
}

/** How many blocks the four stages have together. */
export function countBlocks(own: Shapes): number {
  return [...own.keys()].filter((key) => /^layer\d\.\d+\.conv1\.weight$/.test(key)).length;
}
