import { safeParse } from 'valibot';
import { describeValue, suggestion } from '../../options.ts';
import { either } from './kinds.ts';
import type { ConfigValues, OptionName } from './options.ts';
import type { PresetName } from './presets.ts';
import { CLASSIFICATION, type ConfigSpace } from './space.ts';

/** Values of options, where null switches off what an earlier layer has. */
export type Layer = { [Name in OptionName]?: ConfigValues[Name] | null };

/** What a file or an object says: a preset by name, and options. */
export interface Checked {
  readonly preset: PresetName | undefined;
  readonly values: Layer;
}

/** How an error begins, for a key or a part of its value: `run.yaml, line 3: `. */
export type PlaceOf = (path: readonly PropertyKey[]) => string;

/**
 * Refuses what is no option, and values that an option cannot have.
 *
 * @throws TypeError for a value of the wrong kind, RangeError else
 */
export function checkValues(
  given: Readonly<Record<string, unknown>>,
  place: PlaceOf = () => '',
  space: ConfigSpace = CLASSIFICATION,
): Checked {
  const values: Record<string, unknown> = {};
  let preset: PresetName | undefined;
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (name === 'preset') preset = checkPreset(value, place(['preset']), space);
    else values[name] = checkValue(name, value, place, space);
  }
  return { preset, values: values as Layer };
}

/** The name of a preset that there is. */
export function checkPreset(value: unknown, place = '', space: ConfigSpace = CLASSIFICATION): PresetName {
  const known = Object.keys(space.presets);
  if (known.includes(value as string)) return value as PresetName;
  throw new RangeError(`${place}Expected ${either(known)} for preset, got ${describeValue(value)}`);
}

function checkValue(name: string, value: unknown, place: PlaceOf, space: ConfigSpace): unknown {
  const option = Object.hasOwn(space.options, name) ? space.options[name] : undefined;
  if (option === undefined) {
    const near = suggestion(name, ['preset', ...Object.keys(space.options)], 'options');
    throw new RangeError(`${place([name])}Expected a known option, got "${name}"${near}`);
  }
  if (value === null && !Object.hasOwn(space.defaults, name)) return null;
  const result = safeParse(option.schema, value);
  if (result.success) return result.output;
  const [{ message, input, path = [], kind, type }] = result.issues;
  const at = path.map(({ key }) => key as PropertyKey);
  const inside = at.length > 0 ? ` at ${at.map(String).join('.')}` : '';
  const Kind = kind === 'schema' && type !== 'picklist' ? TypeError : RangeError;
  throw new Kind(
    `${place([name, ...at])}Expected ${message} for ${name}, got ${describeValue(input)}${inside}`,
  );
}
