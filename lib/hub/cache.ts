import { homedir } from 'node:os';
import { join } from 'node:path';

let override: string | undefined;

/**
 * The folder of torch.hub: `$TORCH_HOME/hub`, else `$XDG_CACHE_HOME/torch/hub`, else `~/.cache/torch/hub`. Files
 * that Python downloaded there are used, and the other way round.
 */
export function getDir(): string {
  if (override !== undefined) return override;
  const torchHome =
    process.env.TORCH_HOME ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'torch');
  return join(torchHome, 'hub');
}

/** Uses another folder from now on. */
export function setDir(dir: string): void {
  override = dir;
}
