import { readFileSync } from 'node:fs';
import { type Document, isMap, LineCounter, parseDocument, stringify } from 'yaml';
import { messageOf } from '../../errors.ts';
import { describeValue } from '../../options.ts';
import { type Checked, checkValues, type PlaceOf } from './check-values.ts';
import type { ConfigValues } from './options.ts';
import { CLASSIFICATION, type ConfigSpace } from './space.ts';

/**
 * Reads options from a YAML or JSON file.
 *
 * @throws RangeError, TypeError with file and line
 */
export function readConfigFile(path: string, space: ConfigSpace = CLASSIFICATION): Checked {
  const lines = new LineCounter();
  const document = parseDocument(textOf(path), { lineCounter: lines });
  const place = placesIn(path, document, lines);
  const [broken] = [...document.errors, ...document.warnings];
  if (broken !== undefined) {
    const [start] = broken.linePos ?? [];
    const reason = broken.message.replace(/ at line \d+, column \d+:[\s\S]*$/, '');
    throw new RangeError(`${path}${start ? `, line ${start.line}` : ''}: Expected YAML or JSON: ${reason}`);
  }
  const { contents } = document;
  if (contents === null) return checkValues({}, undefined, space);
  if (!isMap(contents))
    throw new TypeError(`${path}: Expected options by name, got ${describeValue(document.toJS())}`);
  return checkValues(document.toJS() as Record<string, unknown>, place, space);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new RangeError(`Expected a YAML or JSON file of options, got ${path}: ${messageOf(error)}`);
  }
}

/** The line of a part of the document, or of the nearest part around it. */
function placesIn(path: string, document: Document, lines: LineCounter): PlaceOf {
  return (at) => {
    const [name, ...inside] = at;
    const pair = isMap(document.contents)
      ? document.contents.items.find(({ key }) => String(key) === String(name))
      : undefined;
    const node = inside.length > 0 ? document.getIn(at, true) : pair?.key;
    const range = (node as { range?: [number, number, number] } | undefined)?.range;
    const start = range?.[0] ?? (pair?.key as { range?: [number] } | undefined)?.range?.[0];
    return start === undefined ? `${path}: ` : `${path}, line ${lines.linePos(start).line}: `;
  };
}

/** A YAML file of these options, in the order in which they are listed. */
export function configText(config: ConfigValues, comment = '', space: ConfigSpace = CLASSIFICATION): string {
  const values = config as Readonly<Record<string, unknown>>;
  const given = Object.keys(space.options).filter((name) => values[name] !== undefined);
  const text = stringify(Object.fromEntries(given.map((name) => [name, values[name]])), {
    // Lists and small objects on the line of their name.
    collectionStyle: 'any',
    lineWidth: 0,
  });
  return comment === '' ? text : `# ${comment}\n${text}`;
}
