import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { load as loadCheckpoint, stateDictOf } from '../checkpoint/index.ts';
import { HubError } from '../errors.ts';
import { getModel, listModels, type ModelOf, type OptionsOf, setPretrainedLoader } from '../models/index.ts';
import { DownloadError, download } from '../net/download.ts';
import { byteProgress } from '../net/progress.ts';
import { utils } from '../nn/index.ts';
import type { Tensor } from '../tensor/index.ts';
import { getDir } from './cache.ts';
import { pretrainedModels, weightsFile, weightsUrl } from './weights.ts';

const REPOSITORY = 'XingangPan/IBN-Net';
/** torch.hub's convention: at least eight hexadecimal digits of the sha256 before the extension. */
const HASH_SUFFIX = /-([a-f0-9]{8,64})\.[^.]*$/;

export interface DownloadOptions {
  /** Where the file goes. Default `<getDir()>/checkpoints`. */
  modelDir?: string;
  /** Default: the last part of the URL. */
  fileName?: string;
  /** Compare the file with the hash in its name. Default true; a name without one is an error then. */
  checkHash?: boolean;
  /** Show progress on standard error. Default true. */
  progress?: boolean;
  signal?: AbortSignal;
}

/** Fetches `url` into torch.hub's cache, or finds it there. Returns its path. */
async function fetchFile(url: string, options: DownloadOptions): Promise<string> {
  const { modelDir = join(getDir(), 'checkpoints'), fileName = basename(new URL(url).pathname) } = options;
  const path = join(modelDir, fileName);
  const prefix = HASH_SUFFIX.exec(fileName)?.[1];
  if (options.checkHash !== false && prefix === undefined) {
    throw new HubError(`Expected a file name like model-d9d0bb7b.pth to check its hash, got "${fileName}"`, {
      code: 'ERR_HUB_HASH',
      url,
    });
  }
  const bar = options.progress === false ? undefined : await byteProgress(fileName);
  try {
    await download(url, path, {
      ...(options.checkHash === false || prefix === undefined ? {} : { sha256Prefix: prefix }),
      ...(options.signal ? { signal: options.signal } : {}),
      onProgress: ({ received, total }) => bar?.update(received, total),
    });
  } catch (error) {
    throw toHubError(error, url, path);
  } finally {
    bar?.stop();
  }
  return path;
}

function toHubError(error: unknown, url: string, path: string): unknown {
  if (!(error instanceof DownloadError)) return error;
  const { status } = error as { status?: number };
  return new HubError(
    `Could not fetch ${url}: ${error.message}\nPossible solutions:\n` +
      `- Put the file there yourself: ${path}\n` +
      '- Use a mirror: export IBN_NET_CHECKPOINT_BASE_URL=https://...',
    { code: 'ERR_HUB_DOWNLOAD', url, ...(status === undefined ? {} : { status }), cause: error },
  );
}

/**
 * Reads a checkpoint from torch.hub's cache, fetching it first when it is not there: interrupted downloads go on,
 * and a file whose hash is wrong never enters the cache.
 *
 * @throws HubError when it cannot be fetched; CheckpointError when it cannot be read.
 */
export async function loadStateDictFromUrl(url: string, options: DownloadOptions = {}): Promise<unknown> {
  return loadCheckpoint(await fetchFile(url, options));
}

function checkRepository(repository: string): void {
  const [name] = repository.split(':');
  if (name === REPOSITORY) return;
  throw new HubError(`Expected the repository "${REPOSITORY}" for hub, got "${repository}"`, {
    code: 'ERR_HUB_REPOSITORY',
  });
}

/** Entry points of a repository, as torch.hub.list. */
export function list(repository: string = REPOSITORY): string[] {
  checkRepository(repository);
  return listModels({ filter: /_ibn_/ });
}

function noWeights(entry: string): HubError {
  return new HubError(
    `Expected pretrained to be false for ${entry}, got true; weights were published for ${pretrainedModels().join(', ')}`,
    { code: 'ERR_HUB_NO_WEIGHTS' },
  );
}

/** What `hub.load` takes: the model's own options and how weights are fetched. */
export type LoadOptions<N extends string = string> = OptionsOf<N> &
  Pick<DownloadOptions, 'progress' | 'signal'>;

/**
 * Builds a model by its entry point, as torch.hub.load; with `pretrained: true` filled with the published weights,
 * from torch.hub's cache or downloaded.
 *
 * @throws HubError for another repository, for weights that were never published, or a failed download.
 * @throws RangeError for an unknown entry point, naming near ones.
 * @example
 * const model = await hub.load('XingangPan/IBN-Net', 'resnet50_ibn_a', { pretrained: true });
 */
export async function load<N extends string>(
  repository: string,
  entry: N,
  options?: LoadOptions<N>,
): Promise<ModelOf<N>> {
  checkRepository(repository);
  const { pretrained = false, progress = true, signal, ...rest }: LoadOptions = options ?? {};
  const modelOptions = rest as OptionsOf<N>;
  if (!pretrained) return getModel(entry, modelOptions);
  const model = utils.skipInit(() => getModel(entry, modelOptions));
  const file = weightsFile(entry);
  if (file === undefined) throw noWeights(entry);
  const checkpoint = await loadStateDictFromUrl(weightsUrl(file), {
    progress,
    ...(signal ? { signal } : {}),
  });
  model.loadStateDict(stateDictOf(checkpoint) as Map<string, Tensor>, { assign: true });
  return model;
}

// A synchronous constructor can only take what the cache holds already.
setPretrainedLoader((name, model) => {
  const file = weightsFile(name);
  if (file === undefined) throw noWeights(name);
  const path = join(getDir(), 'checkpoints', file);
  if (!existsSync(path)) {
    throw new HubError(
      `Expected ${path} for pretrained ${name}, got no such file; fetch it with: ` +
        `await hub.load('${REPOSITORY}', '${name}', { pretrained: true })`,
      { code: 'ERR_HUB_NOT_CACHED' },
    );
  }
  model.loadStateDict(stateDictOf(loadCheckpoint(path)));
});
