import { type Recognised, recognise, type Shapes } from './recognise.ts';
import { networkTitle } from './title.ts';

/** Keys that do not tell networks apart: classifiers, and counters, which old files lack. */
const SHARED = /(^|\.)((fc|classifier)\.(weight|bias)|num_batches_tracked)$/;

/**
 * Which network the weights are of, and how it is built, where they are of another than the one they are loaded into.
 *
 * @param loaded Keys of the weights that fit the network that they are loaded into.
 */
export function networkHint(shapes: Shapes, loaded: readonly string[]): string | undefined {
  const found = recognise(shapes);
  const fitting = loaded.filter((key) => !SHARED.test(key)).length;
  // What fits most of a network may be somebody's own variant of it.
  if (found === undefined || found.fitting < 0.9 * found.total || found.fitting <= fitting) return undefined;
  return `The file looks like ${describe(found)}: build models.${found.model}(${optionText(found)})${loading(found)}`;
}

function describe({ model, options, numClasses }: Recognised): string {
  const features = [
    ...(options.stem === 'small' ? ['a 3x3 stem'] : []),
    ...(typeof options.inChannels === 'number' ? [plural(options.inChannels, 'channel')] : []),
    ...(numClasses === undefined ? ['no classifier'] : [plural(numClasses, 'class', 'classes')]),
  ];
  const title = networkTitle(model);
  return `${title.startsWith('SE-') ? 'an' : 'a'} ${title} with ${andList(features)}`;
}

const plural = (count: number, one: string, more = `${one}s`) =>
  `${count.toLocaleString('en')} ${count === 1 ? one : more}`;

const andList = (parts: readonly string[]) =>
  parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;

function optionText({ options, numClasses, hasOwnHead }: Recognised): string {
  const all = { ...options, ...(hasOwnHead && numClasses !== 1000 ? { numClasses } : {}) };
  const parts = Object.entries(all).map(([name, value]) =>
    typeof value === 'string' ? `${name}: '${value}'` : `${name}: ${JSON.stringify(value)}`,
  );
  return parts.length === 0 ? '' : `{ ${parts.join(', ')} }`;
}

/** What the recognised network itself needs to take the file. */
function loading({ prefix, hasOwnHead, fitting, total, others }: Recognised): string {
  const isWhole = fitting === total && hasOwnHead && others.length === 0;
  const options = [
    ...(prefix === '' ? [] : [`stripPrefix: '${prefix}'`]),
    ...(isWhole ? [] : ['strict: false']),
  ];
  return options.length === 0 ? '' : ` and pass { ${options.join(', ')} }`;
}
