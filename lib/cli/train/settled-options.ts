import { suggestion } from '../../options.ts';
import type { Layer } from '../../train/config/check-values.ts';
import type { TrainConfig } from '../../train/config/presets.ts';
import { withDefaults } from '../../train/config/resolve-config.ts';
import { CLASSIFICATION, type ConfigSpace } from '../../train/config/space.ts';
import { describeFile } from '../recipe.ts';
import { flagOf } from './config-flags.ts';

type Values = Readonly<Record<string, unknown>>;

/** What the command was told. */
export interface Told {
  readonly given: Layer;
  readonly resume?: string | undefined;
  readonly override?: readonly string[] | undefined;
}

/**
 * The options of a run. One that goes on has those of its checkpoint where nothing is given.
 *
 * @throws RangeError where another value is given for an option that is not named to be overridden
 */
export function settledOptions(
  { given, override = [] }: Told,
  resumed: string | undefined,
  space: ConfigSpace = CLASSIFICATION,
): TrainConfig {
  checkOverride(override, resumed, space);
  if (resumed === undefined) return withDefaults(given, {}, space);
  const saved = savedOptions(resumed, space);
  if (saved === undefined) return withDefaults(given, {}, space);
  const settled: Values = withDefaults(saved, {}, space);
  for (const [name, value] of Object.entries(given)) {
    const [wanted, had] = [value ?? undefined, settled[name]];
    if (isSame(name, wanted, had, space) || override.includes(name)) continue;
    throw changed(name, wanted, had, resumed, space);
  }
  const { modelOptions: _, ...over } = given;
  return withDefaults(over, { ...saved }, space);
}

/** Options that a checkpoint of this command was made with. */
function savedOptions(path: string, space: ConfigSpace): Layer | undefined {
  const { args, options } = describeFile(path).recipe;
  const known = Object.keys(space.options).filter((name) => args[name] !== undefined && args[name] !== null);
  if (!known.includes('lr')) return undefined;
  return { ...Object.fromEntries(known.map((name) => [name, args[name]])), modelOptions: { ...options } };
}

function isSame(name: string, wanted: unknown, had: unknown, { options }: ConfigSpace): boolean {
  // Samples are drawn from other generators where they are read one after another.
  if (name === 'workers') return (wanted === 0) === (had === 0);
  if (name === 'modelOptions') return contains(had, wanted);
  return options[name]?.isFree === true || text(wanted) === text(had);
}

/** Defaults that the network has beside what was asked for are saved too. */
function contains(all: unknown, some: unknown): boolean {
  const had = (all ?? {}) as Record<string, unknown>;
  return Object.entries(some ?? {}).every(([key, value]) => text(had[key]) === text(value));
}

/** Keys in one order. */
function text(value: unknown): string | undefined {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function changed(
  name: string,
  wanted: unknown,
  had: unknown,
  resumed: string,
  { options }: ConfigSpace,
): RangeError {
  const said = (value: unknown) => (value === undefined ? 'none' : (text(value) as string));
  const flag = flagOf(name);
  const advice = options[name]?.isFixed
    ? 'leave it out, or begin a new run'
    : `leave it out, or pass --override ${name} to go on with it`;
  return new RangeError(
    `Expected ${flag} ${said(had)}, which the run of ${resumed} has, got ${said(wanted)}; ${advice}`,
  );
}

function checkOverride(
  override: readonly string[],
  resumed: string | undefined,
  { options }: ConfigSpace,
): void {
  const able = Object.keys(options).filter((name) => !options[name]?.isFixed);
  for (const name of override) {
    if (able.includes(name)) continue;
    const isFixed = Object.hasOwn(options, name);
    const hint = isFixed ? '; begin a new run for another' : suggestion(name, able, 'options');
    throw new RangeError(`Expected options that can change for --override, got "${name}"${hint}`);
  }
  if (override.length > 0 && resumed === undefined)
    throw new RangeError('Expected a run to go on beside --override, got none; pass --resume auto');
}

/** What the run was told, for the checkpoint; where it runs and from where it goes on changes nothing in it. */
export function plainOptions(config: TrainConfig): Record<string, unknown> {
  const { modelOptions: _, output: __, data: ___, ...told } = config;
  return told;
}
