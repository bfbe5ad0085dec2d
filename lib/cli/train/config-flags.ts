import { type Command, InvalidArgumentError, Option } from 'commander';
import { type GenericSchema, safeParse } from 'valibot';
import * as kind from '../../train/config/kinds.ts';
import type { ConfigOption } from '../../train/config/options.ts';
import { CLASSIFICATION, type ConfigSpace } from '../../train/config/space.ts';

/** `--batch-size` for `batchSize`. */
export const flagOf = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** A flag for each option; `--no-...`, not listed, switches one off that a preset or a file has. */
export function addConfigFlags(command: Command, space: ConfigSpace = CLASSIFICATION): void {
  for (const [name, option] of Object.entries(space.options)) {
    const value = option.value === undefined ? '' : ` <${option.value}>`;
    const flag = new Option(`${flagOf(name)}${value}`, describe(option, space.defaults[name]));
    if (option.value !== undefined) flag.argParser((text, before) => readText(option, text, before));
    command.addOption(flag);
    if (!Object.hasOwn(space.defaults, name))
      command.addOption(new Option(`--no-${flagOf(name).slice(2)}`).hideHelp());
  }
}

/** What `--no-...` gave, which is false, as null where false is no value of the option. */
export function withoutFalse(
  values: Readonly<Record<string, unknown>>,
  { options }: ConfigSpace = CLASSIFICATION,
): Record<string, unknown> {
  const isFlag = (name: string) => options[name]?.schema === kind.flag;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value === false && !isFlag(name) ? null : value]),
  );
}

function describe({ about, otherwise, schema }: ConfigOption, value: unknown): string {
  const standard = otherwise ?? (Array.isArray(value) ? value.join(' ') : value);
  const words = (schema as { options?: readonly string[] }).options;
  const more = [
    ...(words === undefined ? [] : [`choices: ${words.join(', ')}`]),
    ...(standard === undefined ? [] : [`default: ${standard}`]),
  ];
  return more.length === 0 ? about : `${about} (${more.join('; ')})`;
}

type Reader = (text: string, before: unknown) => unknown;

const asNumber = (text: string) => (text.trim() === '' ? text : Number(text));
const READERS = new Map<GenericSchema, Reader>([
  ...[kind.whole, kind.wholeOrNone, kind.notNegative, kind.positive, kind.share].map(
    (schema) => [schema as GenericSchema, asNumber] as const,
  ),
  [kind.texts, (text, before: unknown) => [...((before as string[] | undefined) ?? []), text]],
  [kind.numbers, (text, before: unknown) => [...((before as unknown[] | undefined) ?? []), asNumber(text)]],
  [kind.wholes, (text, before: unknown) => [...((before as unknown[] | undefined) ?? []), asNumber(text)]],
  [kind.record, readJson],
  [kind.sizes, readSize],
]);

function readText({ schema }: ConfigOption, text: string, before: unknown): unknown {
  const value = READERS.get(schema)?.(text, before) ?? text;
  const result = safeParse(schema, value);
  if (result.success) return result.output;
  // A list is read value by value: what is wrong is this one.
  const issue = result.issues[0];
  throw new InvalidArgumentError(`Expected ${issue.message}, got "${text}".`);
}

function readJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {}
  throw new InvalidArgumentError(`Expected an object in JSON, such as {"stem":"small"}, got "${text}".`);
}

function readSize(text: string, before: unknown): unknown {
  const [epoch, size, ...rest] = text.split(':');
  if (size === undefined || rest.length > 0 || !/^\d+$/.test(epoch as string))
    throw new InvalidArgumentError(`Expected an epoch and pixels, such as 30:160, got "${text}".`);
  return { ...(before as object | undefined), [epoch as string]: asNumber(size) };
}
