import type { SegmenterHead } from '../registry.ts';

/** Shapes of a file's tensors by key. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Whose way of naming keys a file follows. */
export type SegmentLayout = 'ibn-net' | 'RobustNet' | 'torchvision';

/** The layouts that `load` knows. */
export const SEGMENT_LAYOUTS: readonly SegmentLayout[] = ['ibn-net', 'RobustNet', 'torchvision'];

/** A network that a file's keys and shapes describe. */
export interface Finding {
  readonly layout: SegmentLayout;
  readonly head: SegmenterHead;
  readonly backbone: string;
  /** What the network's keys have in front in the file. */
  readonly prefix: string;
  /** Options that the shapes tell. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Options that no shape tells, as the published code has them. */
  readonly assumed: Readonly<Record<string, unknown>>;
  readonly numClasses: number;
  /** The file's keys, without prefix, as the network's. */
  rename(key: string): string;
}

/** What is under a prefix, by the network's keys. */
export function renamed(shapes: Shapes, prefix: string, rename: (key: string) => string): Shapes {
  const own = [...shapes].filter(([key]) => key.startsWith(prefix));
  return new Map(own.map(([key, shape]) => [rename(key.slice(prefix.length)), shape]));
}
