import { checkOptionsObject } from '../../options.ts';
import { checkUse } from './check-use.ts';
import { checkPreset, checkValues, type Layer } from './check-values.ts';
import { readConfigFile } from './config-file.ts';
import type { PresetName, TrainConfig } from './presets.ts';
import { CLASSIFICATION, type ConfigSpace } from './space.ts';

/** Where the options of a run come from; what stands later counts more. */
export interface ConfigSources {
  /** Takes the place of a preset that the file names. */
  readonly preset?: PresetName | undefined;
  /** A YAML or JSON file. */
  readonly file?: string | undefined;
  /** Options by name; null switches off what the preset or the file has. */
  readonly values?: Layer | undefined;
}

/** {@link ConfigSources} of any kind of run. */
export interface SpaceSources {
  readonly preset?: string | undefined;
  readonly file?: string | undefined;
  readonly values?: Readonly<Record<string, unknown>> | undefined;
}

/** What was said in one place or another, without the defaults. */
export function givenOptions(
  { preset, file, values = {} }: SpaceSources,
  space: ConfigSpace = CLASSIFICATION,
): Layer {
  checkOptionsObject('resolveConfig values', values);
  const read = file === undefined ? undefined : readConfigFile(file, space);
  const checked = checkValues(values, undefined, space);
  const name = preset ?? checked.preset ?? read?.preset;
  return {
    ...(name === undefined ? {} : (space.presets[checkPreset(name, '', space)] as Layer)),
    ...read?.values,
    ...checked.values,
  };
}

/**
 * All options of a run: `given` over `defaults`.
 *
 * @throws RangeError where one is given that nothing reads
 */
export function withDefaults(
  given: Layer,
  defaults: Layer = {},
  space: ConfigSpace = CLASSIFICATION,
): TrainConfig {
  const all: Readonly<Record<string, unknown>> = { ...space.defaults, ...defaults, ...given };
  const names = Object.keys(space.options).filter((name) => all[name] !== undefined && all[name] !== null);
  const config = Object.fromEntries(names.map((name) => [name, all[name]])) as unknown as TrainConfig;
  checkUse(given, config, space);
  return config;
}
