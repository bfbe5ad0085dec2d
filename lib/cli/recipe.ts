import { inspectFile } from '../checkpoint/inspect.ts';

/** What a checkpoint says about images, or the published models' preparation. */
export interface InputRecipe {
  readonly channels: number;
  readonly resize: number;
  readonly crop: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** What a checkpoint written by this package tells about its network; empty for any other. */
export interface Recipe {
  readonly arch?: string | undefined;
  readonly block?: string | undefined;
  readonly layers?: readonly number[] | undefined;
  readonly options: Readonly<Record<string, unknown>>;
  readonly input: Partial<InputRecipe>;
  readonly classes?: readonly string[] | undefined;
  /** What the run was told that wrote it. */
  readonly args: Readonly<Record<string, unknown>>;
}

/** A network's description without its numbers. */
export interface Described {
  readonly recipe: Recipe;
  /** Shapes of the state dict's tensors. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

/** Reads the recipe and the shapes of a file's weights. @throws CheckpointError for a file without a state dict. */
export function describeFile(path: string): Described {
  return inspectFile(path, ({ value, state }) => ({
    recipe: readRecipe(value),
    shapes: shapesOf(state?.entries ?? new Map()),
  }));
}

export function shapesOf(entries: ReadonlyMap<string, unknown>): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const [key, value] of entries) {
    const shape = (value as { shape?: unknown } | null)?.shape;
    if (Array.isArray(shape)) shapes.set(key, shape as number[]);
  }
  return shapes;
}

/** What the file says of its network. */
export function readRecipe(saved: unknown): Recipe {
  const args = entry(saved, 'args');
  const arch = entry(saved, 'arch');
  const classes = entry(saved, 'classes');
  return {
    arch: typeof arch === 'string' ? arch : undefined,
    block: entry(args, 'block') as string | undefined,
    layers: plain(entry(args, 'layers')) as number[] | undefined,
    options: record(plain(entry(args, 'options'))),
    input: record(plain(entry(args, 'input'))) as Partial<InputRecipe>,
    classes: Array.isArray(classes) ? classes.map(String) : undefined,
    args: record(plain(args)),
  };
}

/** Anybody's checkpoint may have `args`. */
function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

/** A value of a loaded dict, whether it came as a Map or as an object. */
function entry(container: unknown, key: string): unknown {
  if (container instanceof Map) return container.get(key);
  return typeof container === 'object' && container !== null
    ? (container as Record<string, unknown>)[key]
    : undefined;
}

/** Maps as objects, at any depth. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  const prototype = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined;
  if (!(value instanceof Map) && prototype !== Object.prototype && prototype !== null) return value;
  const entries = value instanceof Map ? [...value] : Object.entries(value as object);
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
}
