import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DatasetError } from '../../errors.ts';

/** What an npm package that draws or names emoji is read by. */
export interface Packages {
  /** Reads a JSON file of a package. */
  json<Value>(name: string, file: string): Value;
  /** Imports a package. */
  module<Exports>(name: string): Promise<Exports>;
  version(name: string): string;
}

/**
 * Packages that are no dependencies of this one, 180 MB together: they are looked for from `folder`, then from the working
 * folder, then from where this package lies.
 *
 * @param wanted all that will be asked for: an error names those that are missing at once
 * @throws DatasetError `ERR_DATASET_PACKAGE` with the command that installs them
 */
export function findPackages(folder: string | undefined, wanted: readonly string[]): Packages {
  const from = [folder, '.', fileURLToPath(new URL('.', import.meta.url))]
    .filter((place) => place !== undefined)
    .map((place) => createRequire(join(resolve(place), 'package.json')));
  const find = (id: string) => {
    for (const require of from) {
      try {
        return require.resolve(id);
      } catch {}
    }
    return undefined;
  };
  const missing = wanted.filter((name) => find(entryOf(name)) === undefined);
  if (missing.length > 0) throw notInstalled(missing, folder);
  const json = <Value>(name: string, file: string) => readJson<Value>(find(`${name}/${file}`), name, file);
  return {
    json,
    module: async (name) => await import(pathToFileURL(find(name) as string).href),
    version: (name) => versionOf(find(entryOf(name)) as string, name),
  };
}

/** A file that every version has. */
function entryOf(name: string): string {
  return name.startsWith('@iconify-json/') ? `${name}/icons.json` : name;
}

function readJson<Value>(path: string | undefined, name: string, file: string): Value {
  const where = path ?? `${name}/${file}`;
  try {
    return JSON.parse(readFileSync(where, 'utf8')) as Value;
  } catch (cause) {
    throw new DatasetError(
      `Expected JSON in ${where}, got a file that cannot be read; install ${name} again`,
      {
        code: 'ERR_DATASET_DAMAGED',
        path: where,
        cause,
      },
    );
  }
}

/** Read from the package's own folder: not every package exports its package.json. */
function versionOf(entry: string, name: string): string {
  const end = entry.lastIndexOf(join('node_modules', name)) + join('node_modules', name).length;
  return readJson<{ version: string }>(join(entry.slice(0, end), 'package.json'), name, 'package.json')
    .version;
}

function notInstalled(missing: readonly string[], folder: string | undefined): DatasetError {
  return new DatasetError(
    `Expected the packages that EmojiStyles draws from, got none of ${missing.join(', ')}; install them: npm install ${missing.join(' ')}`,
    { code: 'ERR_DATASET_PACKAGE', path: folder ?? '.' },
  );
}
