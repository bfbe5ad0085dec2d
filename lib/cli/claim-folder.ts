import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { writeAtomically } from '../atomic-file.ts';
import { flagOf } from './flag-values.ts';

const formPath = (output: string) => join(output, 'form.json');

/**
 * Makes a folder for runs, or goes on in one of the same form: results of two are not compared.
 *
 * @param form what is the same for all runs of the folder, by the names of options
 * @param words what those are called that are no flag of their name
 */
export function claimFolder(
  output: string,
  form: object,
  words: Readonly<Record<string, string>> = {},
): void {
  if (existsSync(formPath(output))) checkForm(output, form, words);
  mkdirSync(join(output, 'runs'), { recursive: true });
  if (!existsSync(formPath(output)))
    writeAtomically(formPath(output), (sink) => sink(Buffer.from(`${JSON.stringify(form, null, 1)}\n`)));
}

/** @throws Error for a folder of another form, with the option that differs */
export function checkForm(output: string, form: object, words: Readonly<Record<string, string>> = {}): void {
  const there: Readonly<Record<string, unknown>> = readForm(output);
  const asked = JSON.parse(JSON.stringify(form)) as Readonly<Record<string, unknown>>;
  const names = new Set([...Object.keys(asked), ...Object.keys(there)]);
  const other = [...names].find((name) => !isDeepStrictEqual(there[name], asked[name]));
  if (other === undefined) return;
  throw new Error(
    `Expected a new folder, or one of the same form, for --output, got ${output}, whose runs have ${shown(there[other])} for ${words[other] ?? flagOf(other)}, not ${shown(asked[other])}`,
  );
}

const shown = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value));

/**
 * The form of a folder.
 *
 * @throws Error for a folder that has none
 */
export function readForm<Form extends object>(output: string): Form {
  if (existsSync(formPath(output))) return JSON.parse(readFileSync(formPath(output), 'utf8')) as Form;
  throw new Error(`Expected a folder with runs for --output, got ${output}, which has no form.json`);
}
