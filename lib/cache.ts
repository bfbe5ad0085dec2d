import { homedir } from 'node:os';
import { join } from 'node:path';

/** The variables of an environment, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folder shared by every project on this machine for what the package downloads.
 *
 * `IBN_NET_CACHE` if set, else the system's cache folder: `$XDG_CACHE_HOME/ibn-net` or `~/.cache/ibn-net` on
 * Linux, `~/Library/Caches/ibn-net` on macOS, `%LOCALAPPDATA%\ibn-net\Cache` on Windows. Nothing is created.
 *
 * @example
 * cacheFolder({ IBN_NET_CACHE: '/data/ibn-net' }); // '/data/ibn-net'
 */
export function cacheFolder(env: Environment = process.env, platform: string = process.platform): string {
  if (env.IBN_NET_CACHE) return env.IBN_NET_CACHE;
  if (env.XDG_CACHE_HOME && platform !== 'win32') return join(env.XDG_CACHE_HOME, 'ibn-net');
  const home = env.HOME ?? homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'ibn-net');
  if (platform === 'win32')
    return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'ibn-net', 'Cache');
  return join(home, '.cache', 'ibn-net');
}
