import { suggestion } from '../../options.ts';
import type { Layer } from '../../train/config/check-values.ts';
import { type ConfigOption, OPTION_NAMES, OPTIONS, type OptionName } from '../../train/config/options.ts';
import type { TrainConfig } from '../../train/config/presets.ts';
import { withDefaults } from '../../train/config/resolve-config.ts';
import { describeFile } from '../recipe.ts';
import { flagOf } from './config-flags.ts';

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
export function settledOptions({ given, override = [] }: Told, resumed: string | undefined): TrainConfig {
  checkOverride(override, resumed);
  if (resumed === undefined) return withDefaults(given);
  const saved = savedOptions(resumed);
  if (saved === undefined) return withDefaults(given);
  const settled = withDefaults(saved);
  for (const name of Object.keys(given) as OptionName[]) {
    const [wanted, had] = [given[name] ?? undefined, settled[name]];
    if (isSame(name, wanted, had) || override.includes(name)) continue;
    throw changed(name, wanted, had, resumed);
  }
  const { modelOptions: _, ...over } = given;
  return withDefaults(over, { ...saved });
}

/** Options that a checkpoint of this command was made with. */
function savedOptions(path: string): Layer | undefined {
  const { args, options } = describeFile(path).recipe;
  const known = OPTION_NAMES.filter((name) => args[name] !== undefined && args[name] !== null);
  if (!known.includes('lr')) return undefined;
  return { ...Object.fromEntries(known.map((name) => [name, args[name]])), modelOptions: { ...options } };
}

function isSame(name: OptionName, wanted: unknown, had: unknown): boolean {
  const option: ConfigOption = OPTIONS[name];
  // Samples are drawn from other generators where they are read one after another.
  if (name === 'workers') return (wanted === 0) === (had === 0);
  if (name === 'modelOptions') return contains(had, wanted);
  return option.isFree === true || text(wanted) === text(had);
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

function changed(name: OptionName, wanted: unknown, had: unknown, resumed: string): RangeError {
  const said = (value: unknown) => (value === undefined ? 'none' : (text(value) as string));
  const flag = flagOf(name);
  const advice = (OPTIONS[name] as ConfigOption).isFixed
    ? 'leave it out, or begin a new run'
    : `leave it out, or pass --override ${name} to go on with it`;
  return new RangeError(
    `Expected ${flag} ${said(had)}, which the run of ${resumed} has, got ${said(wanted)}; ${advice}`,
  );
}

function checkOverride(override: readonly string[], resumed: string | undefined): void {
  const able = OPTION_NAMES.filter((name) => !(OPTIONS[name] as ConfigOption).isFixed);
  for (const name of override) {
    if ((able as string[]).includes(name)) continue;
    const isFixed = name in OPTIONS;
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
