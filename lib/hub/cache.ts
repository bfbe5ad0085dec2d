import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { checkPositions } from '../options.ts';

let override: string | undefined;

/**
 * The folder of torch.hub: `$TORCH_HOME/hub`, else `$XDG_CACHE_HOME/torch/hub`, else `~/.cache/torch/hub`. Files
 * that Python downloaded there are used, and the other way round.
 */
export function getDir(): string {
  checkPositions('getDir', arguments, 0);
  if (override !== undefined) return override;
  const cache = process.env.XDG_CACHE_HOME ?? '~/.cache';
  return join(expandUser(process.env.TORCH_HOME ?? join(cache, 'torch')), 'hub');
}

/**
 * Uses another folder from now on, also for `pretrained: true`; a leading `~` is the home folder.
 *
 * @throws TypeError unless it is a string.
 */
export function setDir(dir: string): void {
  checkPositions('setDir', arguments, 1);
  if (typeof dir !== 'string') throw new TypeError(`Expected a path for setDir, got ${typeof dir}`);
  override = expandUser(dir);
}

/** Where a downloaded checkpoint lies. */
export function checkpointPath(fileName: string, modelDir = join(getDir(), 'checkpoints')): string {
  return join(expandUser(modelDir), fileName);
}

/** As Python's `os.path.expanduser`, for one's own home. */
function expandUser(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

/** The sha256 of a file, without leaving the event-loop turn. */
export function hashFileSync(path: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 20);
  const file = openSync(path, 'r');
  try {
    for (let got = readSync(file, buffer); got > 0; got = readSync(file, buffer)) {
      hash.update(buffer.subarray(0, got));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
