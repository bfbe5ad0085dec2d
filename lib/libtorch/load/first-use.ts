import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder, type Environment } from '../../cache.ts';
import type { LibtorchSource } from '../find/locate.ts';
import type { LoadPaths } from './trial.ts';

/**
 * The file that remembers that this libtorch has been loaded with this native module. A file's size and time stand
 * for its contents.
 */
function markOf(paths: LoadPaths, env: Environment): string {
  const hash = createHash('sha256').update(process.version);
  for (const path of [paths.shim, paths.binding, ...paths.libraries]) {
    const { size, mtimeMs } = statSync(path);
    hash.update(`\n${path} ${size} ${mtimeMs}`);
  }
  return join(cacheFolder(env), 'loaded', hash.digest('hex').slice(0, 32));
}

/** Whether a libtorch may be loaded at once, and how to remember that it was. */
export interface FirstUse {
  trusted: boolean;
  remember(): void;
}

const TRUSTED: FirstUse = { trusted: true, remember: () => undefined };

/**
 * Whether a libtorch still has to be tried in a process of its own: one that a person brought (`LIBTORCH`,
 * `LIBTORCH_USE_PYTORCH`), the first time it is used. `install-libtorch` has tried those in the cache. Where the
 * outcome could not be remembered (a read-only home) nothing is tried, else every start would; nor with
 * `IBN_NET_SKIP_TRIAL=1`.
 */
export function firstUse(source: LibtorchSource, paths: LoadPaths, env: Environment = process.env): FirstUse {
  if (source === 'cache' || env.IBN_NET_SKIP_TRIAL === '1') return TRUSTED;
  try {
    const mark = markOf(paths, env);
    if (existsSync(mark)) return TRUSTED;
    mkdirSync(dirname(mark), { recursive: true });
    accessSync(dirname(mark), constants.W_OK);
    return { trusted: false, remember: () => writeFileSync(mark, '') };
  } catch {
    return TRUSTED;
  }
}
