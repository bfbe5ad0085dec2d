import { existsSync } from 'node:fs';
import {
  type LoadOptions as CheckpointOptions,
  load as loadCheckpoint,
  loadInto,
} from '../checkpoint/index.ts';
import { HubError } from '../errors.ts';
import { getModel, listModels, type ModelOf, type OptionsOf, setPretrainedLoader } from '../models/index.ts';
import { type LoadOptions as StateDictOptions, utils } from '../nn/index.ts';
import { checkOptions, checkPositions, suggestion } from '../options.ts';
import { checkpointPath, hashFileSync } from './cache.ts';
import { checkHash, type DownloadOptions, type FetchOptions, fetchFile } from './fetch.ts';
import { describeEntry } from './help.ts';
import { findWeights, noWeights, weights } from './weights.ts';

const REPOSITORY = 'XingangPan/IBN-Net';

/** What `loadStateDictFromUrl` takes: how the file is fetched, and how it is read. */
export type UrlOptions = DownloadOptions & CheckpointOptions;

const URL_OPTIONS = [
  ...['progress', 'signal', 'offline', 'retries'],
  ...['modelDir', 'fileName', 'checkHash', 'mapLocation', 'mmap'],
];

/**
 * Reads a checkpoint from torch.hub's cache, fetching it first when it is not there, as
 * torch.hub.load_state_dict_from_url. Interrupted downloads go on, 5xx answers and stalls are tried again, and a file
 * whose length or hash is wrong never enters the cache.
 *
 * @throws HubError `ERR_HUB_DOWNLOAD` (with `url` and `status`), `ERR_HUB_OFFLINE`, `ERR_HUB_HASH`, `ERR_HUB_URL`,
 * `ERR_HUB_CACHE`; the signal's reason when it fired; CheckpointError when the file cannot be read.
 * @example
 * const stateDict = await hub.loadStateDictFromUrl('https://example.org/model-0123abcd.pth');
 */
export async function loadStateDictFromUrl(url: string, options: UrlOptions = {}): Promise<unknown> {
  checkPositions('loadStateDictFromUrl', arguments, 2);
  checkOptions('loadStateDictFromUrl', options, URL_OPTIONS);
  const { mmap, mapLocation } = options;
  return loadCheckpoint(await fetchFile(url, options), {
    ...(mmap === undefined ? {} : { mmap }),
    ...(mapLocation === undefined ? {} : { mapLocation }),
  });
}

function checkRepository(repository: string): void {
  const [name] = String(repository).split(':');
  if (name === REPOSITORY) return;
  throw new HubError(`Expected the repository "${REPOSITORY}" for hub, got "${repository}"`, {
    code: 'ERR_HUB_REPOSITORY',
  });
}

/** Entry points of a repository, as torch.hub.list; the DenseNets and the 152-layer ones that it lacks included. */
export function list(repository: string = REPOSITORY): string[] {
  checkPositions('list', arguments, 1);
  checkRepository(repository);
  return listModels({ filter: /_ibn_/ });
}

/**
 * What an entry point builds, its options and its weights, as a text: torch.hub.help.
 *
 * @throws HubError for another repository; RangeError for an unknown entry point, naming near ones.
 * @example
 * console.log(hub.help('XingangPan/IBN-Net', 'resnet50_ibn_a'));
 */
export function help(repository: string, entry: string): string {
  checkPositions('help', arguments, 2);
  const entries = list(repository);
  if (!entries.includes(entry))
    throw new RangeError(`Unknown model "${entry}"${suggestion(entry, entries, 'models')}`);
  return describeEntry(entry, findWeights(entry));
}

/** What `hub.load` takes: the model's own options and how weights are fetched. */
export type LoadOptions<N extends string = string> = OptionsOf<N> &
  FetchOptions & {
    /** Keep the model's own layers where the weights have another shape, such as `['fc.']` for other classes. */
    ignoreMismatched?: NonNullable<StateDictOptions['ignoreMismatched']>;
  };

/**
 * Builds a model by its entry point, as torch.hub.load; with `pretrained: true` filled with the published weights,
 * from torch.hub's cache or downloaded.
 *
 * @throws HubError for another repository, for weights that were never published, or as `loadStateDictFromUrl`.
 * @throws RangeError for an unknown entry point, naming near ones.
 * @example
 * const model = await hub.load('XingangPan/IBN-Net', 'resnet50_ibn_a', { pretrained: true });
 * @example
 * const options = { pretrained: true, numClasses: 751, ignoreMismatched: ['fc.'] }; // a new head
 * const model = await hub.load('XingangPan/IBN-Net', 'resnet50_ibn_a', options);
 */
export async function load<N extends string>(
  repository: string,
  entry: N,
  options?: LoadOptions<N>,
): Promise<ModelOf<N>> {
  checkPositions('load', arguments, 3);
  checkRepository(repository);
  const {
    pretrained = false,
    ignoreMismatched,
    progress,
    signal,
    offline,
    retries,
    ...rest
  }: LoadOptions = options ?? {};
  const modelOptions = rest as OptionsOf<N>;
  if (!pretrained) return getModel(entry, modelOptions);
  if (listModels().includes(entry)) requireWeights(entry);
  // What is not loaded needs its initial numbers.
  const build = ignoreMismatched ? <T>(make: () => T): T => make() : utils.skipInit;
  const model = build(() => getModel(entry, modelOptions));
  const fetching = Object.entries({ progress, signal, offline, retries }).filter(
    ([, value]) => value !== undefined,
  );
  const path = await fetchFile(weights(entry).url, Object.fromEntries(fetching));
  loadInto(model, path, ignoreMismatched ? { ignoreMismatched } : {});
  return model;
}

function requireWeights(entry: string): void {
  if (findWeights(entry) === undefined)
    throw noWeights(`Expected pretrained to be false for ${entry}, got true`);
}

// A synchronous constructor can only take what the cache holds already.
setPretrainedLoader((name, model) => {
  requireWeights(name);
  const { file, sha256Prefix } = weights(name);
  const path = checkpointPath(file);
  if (!existsSync(path)) {
    throw new HubError(
      `Expected ${path} for pretrained ${name}, got no such file; fetch it with: ` +
        `await hub.load('${REPOSITORY}', '${name}', { pretrained: true })`,
      { code: 'ERR_HUB_NOT_CACHED' },
    );
  }
  checkHash(path, sha256Prefix, hashFileSync(path));
  loadInto(model, path);
});
