import type { FoundStateDict } from '../checkpoint/objects/state-dict.ts';
import type { Recognised } from '../models/recognise.ts';

/** How to load a file, for the command line and for TypeScript. */
export interface LoadCommands {
  /** Undefined where the command line has no use for the file. */
  readonly cli: string | undefined;
  readonly typescript: string;
}

/** The shortest that works: only what the file needs is passed. */
export function loadCommands(
  path: string,
  state: FoundStateDict | undefined,
  network: Recognised | undefined,
): LoadCommands {
  if (state === undefined) return { cli: undefined, typescript: `const saved = load(${literal(path)});` };
  if (network === undefined)
    return { cli: undefined, typescript: `const state = checkpoint.stateDictOf(load(${literal(path)}));` };
  return { cli: cliCommand(path, network), typescript: typescriptCommand(path, network) };
}

const isWhole = ({ fitting, total, hasOwnHead, others }: Recognised) =>
  fitting === total && hasOwnHead && others.length === 0;

/** `classify` finds prefixes, and takes images of three channels unless the file's recipe says otherwise. */
function cliCommand(path: string, network: Recognised): string | undefined {
  const { fitting, total, hasOwnHead, model } = network;
  if (fitting < total || !hasOwnHead) return undefined;
  const strict = network.others.length > 0 ? ' --no-strict' : '';
  return `npx ibn-net classify photo.jpg --checkpoint ${shellWord(path)} --model ${model}${strict}`;
}

function typescriptCommand(path: string, network: Recognised): string {
  const { model, prefix, hasOwnHead, numClasses, options } = network;
  const built = { ...options, ...(hasOwnHead && numClasses !== 1000 ? { numClasses } : {}) };
  const how = {
    ...(prefix === '' ? {} : { stripPrefix: prefix }),
    ...(isWhole(network) ? {} : { strict: false }),
  };
  return [
    `const model = models.${model}(${optionText(built)});`,
    `checkpoint.loadInto(model, ${[literal(path), optionText(how)].filter(Boolean).join(', ')});`,
  ].join('\n');
}

function optionText(options: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(options);
  if (entries.length === 0) return '';
  return `{ ${entries.map(([name, value]) => `${name}: ${literal(value)}`).join(', ')} }`;
}

function literal(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return `'${value.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`;
}

function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
