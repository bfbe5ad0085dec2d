import { type LoadOptions, loadStateEntries } from '../../checkpoint/load.ts';
import { CheckpointError } from '../../errors.ts';
import { init, type Module, utils } from '../../nn/index.ts';
import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { type Device, noGrad, scope, Tensor } from '../../tensor/index.ts';
import { checkChoice, checkCount, checkModule } from './checks.ts';
import type { FastReID, FastReIDOptions } from './fast-reid.ts';
import { type Finding, REID_LAYOUTS, type ReIDLayout } from './layouts/finding.ts';
import { describeOther, findNetwork } from './layouts/recognise.ts';
import { LoadedReID } from './loaded.ts';
import type { MGN } from './mgn.ts';
import type { OSNet, OSNetClassOptions } from './osnet.ts';
import type { StrongBaseline, StrongBaselineOptions } from './strong-baseline.ts';

/** Any network for re-identification. */
export type ReIDModel = StrongBaseline | FastReID | MGN | OSNet;

/** Options of any of the networks, but for what is read off the file's keys. */
export type NetworkOptions = Omit<StrongBaselineOptions, 'backbone'> &
  Omit<FastReIDOptions, 'backbone' | 'depth'> &
  Omit<OSNetClassOptions, 'width' | 'kind'>;

/** Options of {@link load}. */
export interface ReIDLoadOptions {
  /** Take the file for one of this layout. Default: what its keys say. */
  layout?: ReIDLayout;
  /**
   * Options of the network that the file does not tell (`lastStride`, `neckFeat`, `poolLayer` without learnt exponent), or in
   * place of what it tells. With another `numClasses` than the file's the classifier is new.
   */
  options?: NetworkOptions;
  /** Height and width of the images. Default: the published configuration's, 256x128; for SBS and MGN 384x128. */
  size?: readonly [height: number, width: number];
  /** Refuse keys that the network has no use for. Default true; those of ImageNet's unused classifier never count. */
  strict?: boolean;
  /** Where the network goes. Default `'cpu'`. */
  device?: Device;
}

const OPTIONS = ['layout', 'options', 'size', 'strict', 'device'];

/**
 * Reads a Re-ID network from a checkpoint of reid-strong-baseline, fast-reid (1.0 and later, and `heads.bnneck` files of
 * before) or deep-person-reid's OSNets: finds the layout by keys and shapes, builds the network, fills it, and says how its
 * images are prepared. Wrappers (`state_dict`, `model`), prefixes (`module.`) and whole pickled modules are looked through.
 *
 * Every part but the classifier must be in the file: nothing is left half loaded.
 *
 * @throws CheckpointError as `load`; `ERR_REID_UNKNOWN_NETWORK` for another file, saying what it looks like;
 *   `ERR_REID_INCOMPLETE` for missing or misshapen weights, `ERR_REID_UNUSED_KEYS` with `strict`.
 * @example
 * const loaded = reid.load('market_sbs_R50-ibn.pth');
 * console.log(String(loaded)); // SBS 50x ibn of fast-reid, 751 identities, images 384x128 ...
 * const features = await reid.extract(loaded, ['query/0001_c1s1_001051_00.jpg'], { flip: true });
 */
export function load(file: string | URL | Uint8Array, options: ReIDLoadOptions = {}): LoadedReID<ReIDModel> {
  checkPositions('reid.load', arguments, 2);
  checkOptions('reid.load', options, OPTIONS);
  const { layout, strict = true, device = 'cpu' } = options;
  if (layout !== undefined) checkChoice('reid.load', 'layout', layout, REID_LAYOUTS);
  checkChoice('reid.load', 'strict', strict, [true, false]);
  const size = options.size === undefined ? undefined : checkSize(options.size);
  return scope(() => {
    const entries = tensorsOf(file, {});
    const finding = foundIn(entries, file, layout);
    const filled = fill(finding, entries, { ...options.options }, { file, strict });
    if (device !== 'cpu') filled.model.to(device);
    const { name, assumed, prefix, numClasses } = finding;
    const given = Object.keys(options.options ?? {});
    return new LoadedReID({
      ...{ layout: finding.layout, name, prefix, numClasses, ...filled },
      assumed: assumed.filter((text) => !given.includes(text.split(' ')[0] as string)),
      size: size ?? finding.size,
    });
  });
}

function checkSize(size: unknown): readonly [number, number] {
  if (!Array.isArray(size) || size.length !== 2) {
    throw new TypeError(`Expected [height, width] for reid.load size, got ${describeValue(size)}`);
  }
  return [checkCount('reid.load', 'height', size[0]), checkCount('reid.load', 'width', size[1])];
}

const nameOf = (file: string | URL | Uint8Array): string =>
  file instanceof Uint8Array ? 'checkpoint' : String(file);

const errorOf = (code: string, file: string | URL | Uint8Array, text: string, key?: string) =>
  new CheckpointError(`${nameOf(file)}: ${text}`, {
    code,
    ...(file instanceof Uint8Array ? {} : { path: nameOf(file) }),
    ...(key === undefined ? {} : { key }),
  });

/** The tensors of the state dict; what is none is left out. */
export function tensorsOf(file: string | URL | Uint8Array, options: LoadOptions): Map<string, Tensor> {
  const found = [...loadStateEntries(file, options)].filter(([, value]) => value instanceof Tensor);
  return new Map(found as [string, Tensor][]);
}

function foundIn(
  entries: ReadonlyMap<string, Tensor>,
  file: string | URL | Uint8Array,
  layout: ReIDLayout | undefined,
): Finding {
  const shapes = new Map([...entries].map(([key, { shape }]) => [key, shape] as const));
  const finding = findNetwork(shapes, layout);
  if (finding !== undefined) return finding;
  const wanted = layout ?? REID_LAYOUTS.join(', ');
  throw errorOf(
    'ERR_REID_UNKNOWN_NETWORK',
    file,
    `Expected a network of ${wanted}, got another; ${describeOther(shapes, layout)}`,
  );
}

interface Filled {
  readonly model: ReIDModel;
  readonly options: Readonly<Record<string, unknown>>;
  readonly unusedKeys: readonly string[];
}

interface Settings {
  readonly file: string | URL | Uint8Array;
  readonly strict: boolean;
}

function fill(
  finding: Finding,
  entries: ReadonlyMap<string, Tensor>,
  given: Readonly<Record<string, unknown>>,
  { file, strict }: Settings,
): Filled {
  const numClasses = (given.numClasses ?? finding.numClasses ?? 1) as number;
  const options = { ...finding.options, ...pixelOptions(entries, finding.prefix), ...given, numClasses };
  const model = utils.skipInit(() => finding.build(options)) as ReIDModel;
  const { state, unusedKeys } = stateFor(model, finding, entries);
  const isHead = (key: string) => finding.heads.some((head) => key.startsWith(head));
  const isNewHead = numClasses !== finding.numClasses;
  if (isNewHead) for (const key of [...state.keys()].filter(isHead)) state.delete(key);
  const isOptional = (key: string) =>
    key.endsWith('num_batches_tracked') || isUnusedFc(key) || (isNewHead && isHead(key));
  refuseIncomplete(model, state, isOptional, { file, strict });
  if (strict && unusedKeys.length > 0) {
    const more = unusedKeys.length > 1 ? ` (+${unusedKeys.length - 1})` : '';
    const text = `Expected only weights of ${finding.name}, got "${unusedKeys[0]}"${more}; pass { strict: false } to leave them out`;
    throw errorOf('ERR_REID_UNUSED_KEYS', file, text, unusedKeys[0]);
  }
  model.loadStateDict(state, { strict: false, assign: 'compatible' });
  fillRest(model, state);
  return { model: model.eval(), options, unusedKeys };
}

const isUnusedFc = (key: string): boolean => /^base\.fc\./.test(key);

/** Files of before fast-reid 1.3 have the mean and deviation that they were trained with. */
function pixelOptions(entries: ReadonlyMap<string, Tensor>, prefix: string): Record<string, number[]> {
  const numbers = (key: string) =>
    entries
      .get(prefix + key)
      ?.flatten()
      .toArray() as number[] | undefined;
  const [pixelMean, pixelStd] = [numbers('pixel_mean'), numbers('pixel_std')];
  return { ...(pixelMean ? { pixelMean } : {}), ...(pixelStd ? { pixelStd } : {}) };
}

/** The file's tensors by the network's keys, and the keys that are none of its. */
function stateFor(
  model: Module,
  finding: Finding,
  entries: ReadonlyMap<string, Tensor>,
): { state: Map<string, Tensor>; unusedKeys: string[] } {
  const wanted = model.stateDict();
  const state = new Map<string, Tensor>();
  const unusedKeys: string[] = [];
  for (const [key, tensor] of entries) {
    const own = key.startsWith(finding.prefix) ? finding.rename(key.slice(finding.prefix.length)) : key;
    if (own === null || isUnusedFc(own)) continue;
    const place = wanted.get(own);
    if (place === undefined || !key.startsWith(finding.prefix)) unusedKeys.push(key);
    // Some tools write the counter as a vector of one.
    else state.set(own, own.endsWith('num_batches_tracked') ? tensor.reshape(place.shape) : tensor);
  }
  return { state, unusedKeys };
}

function refuseIncomplete(
  model: Module,
  state: ReadonlyMap<string, Tensor>,
  isOptional: (key: string) => boolean,
  { file }: Settings,
): void {
  const wanted = [...model.stateDict()].filter(([key]) => !isOptional(key));
  const missing = wanted.filter(([key]) => !state.has(key)).map(([key]) => key);
  if (missing.length > 0) {
    const more = missing.length > 1 ? ` (+${missing.length - 1})` : '';
    const text = `Expected all weights of the network, got none for "${missing[0]}"${more} of ${wanted.length}`;
    throw errorOf('ERR_REID_INCOMPLETE', file, text, missing[0]);
  }
  for (const [key, { shape }] of wanted) {
    const got = state.get(key)?.shape;
    if (String(got) === String(shape)) continue;
    const text = `Expected shape [${shape}] for "${key}", got [${got}]`;
    throw errorOf('ERR_REID_INCOMPLETE', file, text, key);
  }
}

/** Draws what the file does not have: nothing was drawn when the network was built. */
function fillRest(model: ReIDModel, state: ReadonlyMap<string, Tensor>): void {
  noGrad(() => {
    for (const [key, parameter] of model.namedParameters()) {
      if (state.has(key)) continue;
      if (isUnusedFc(key)) init.zeros_(parameter);
      else init.normal_(parameter, 0, 0.001);
    }
  });
}

/**
 * Fills a network's backbone with weights of ImageNet, of an IBN-Net, torchvision or OSNet file, to begin training with.
 * The file's classifier is left out; everything else must fit, so that nothing is left out in silence.
 *
 * @returns The keys that were loaded.
 * @throws StateDictError where a key or shape does not fit.
 * @example
 * const model = new reid.StrongBaseline({ backbone: 'resnet50_ibn_a', numClasses: 751 });
 * reid.loadBackbone(model, 'resnet50_ibn_a-d9d0bb7b.pth');
 */
export function loadBackbone(model: ReIDModel, file: string | URL | Uint8Array): string[] {
  checkPositions('reid.loadBackbone', arguments, 2);
  checkModule('reid.loadBackbone', 'model', model);
  const backbone = backboneOf(model);
  return scope(() => {
    const wanted = backbone.stateDict();
    const entries = tensorsOf(file, {});
    const state = new Map(
      [...entries].filter(([key]) => !/(^|\.)(fc|classifier|last_linear)\.(\d+\.)?[a-z_]+$/.test(key)),
    );
    // What the file has no weights for, and nothing calls.
    const keep = [...wanted].filter(([key]) => /^(fc|classifier|NL_\d)\./.test(key));
    const { loaded } = backbone.loadStateDict(new Map([...keep, ...state]), { stripPrefix: 'auto' });
    return loaded.filter((key) => !keep.some(([kept]) => kept === key));
  });
}

function backboneOf(model: ReIDModel): Module {
  const parts = model as { base?: Module; backbone?: Module };
  const isMGN = parts.backbone !== undefined && 'b1' in model;
  if (isMGN) throw new TypeError('Expected a network with one backbone for reid.loadBackbone, got an MGN');
  return parts.base ?? parts.backbone ?? model;
}
