import { load as loadFile, loadStateEntries } from '../../checkpoint/load.ts';
import { stateDictOf } from '../../checkpoint/objects/state-dict.ts';
import { CheckpointError } from '../../errors.ts';
import { utils } from '../../nn/index.ts';
import { checkChoice, checkFlags, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { type Device, scope, Tensor } from '../../tensor/index.ts';
import { type Finding, SEGMENT_LAYOUTS, type SegmentLayout } from './layouts/finding.ts';
import { describeOther, findNetwork } from './layouts/recognise.ts';
import { LoadedSegmenter } from './loaded.ts';
import { create } from './registry.ts';
import { Segmenter, type SegmenterOptions } from './segmenter.ts';

/** Options of {@link load}. */
export interface SegmentLoadOptions {
  /** Take the file for one of this layout. Default: what its keys say. */
  layout?: SegmentLayout;
  /** Options of the network that the file does not tell, such as `outputStride`, or in place of what it tells. */
  options?: Omit<SegmenterOptions, 'backbone' | 'numClasses'>;
  /** Refuse keys that the network has no use for. Default true. */
  strict?: boolean;
  /** Where the network goes. Default `'cpu'`. */
  device?: Device;
  /** Map the file into memory instead of reading it, as `load` does. Default false. */
  mmap?: boolean;
}

const OPTIONS = ['layout', 'options', 'strict', 'device', 'mmap'];

/**
 * Reads a network for segmentation from a checkpoint of this package, of RobustNet (DeepLabV3+ with ResNets, plain, IBN and
 * whitened), or of torchvision (FCN and DeepLabV3): finds it by keys and shapes, builds it and fills it. Wrappers
 * (`state_dict`, `model`) and prefixes (`module.`) are looked through. Every weight must be in the file: nothing is left half
 * loaded.
 *
 * @throws CheckpointError as `load`; `ERR_SEGMENT_UNKNOWN_NETWORK` for another file, saying what it looks like;
 *   `ERR_SEGMENT_UNUSED_KEYS` with `strict`. StateDictError for missing or misshapen weights.
 * @example
 * const loaded = segment.load('r50os16_gtav_ibn.pth');
 * console.log(String(loaded)); // deeplabv3plus/resnet50_ibn_b of RobustNet, 19 classes; assumed: outputStride 16
 */
export function load(file: string | URL | Uint8Array, options: SegmentLoadOptions = {}): LoadedSegmenter {
  checkPositions('segment.load', arguments, 2);
  checkOptions('segment.load', options, OPTIONS);
  const { layout, strict = true, device = 'cpu', mmap = false, options: given = {} } = options;
  if (layout !== undefined) checkChoice('segment.load', 'layout', layout, SEGMENT_LAYOUTS);
  checkFlags('segment.load', { strict, mmap });
  return scope(() => {
    const saved = loadFile(file, { mmap });
    const entries = stateDictOf(saved, { strict: false });
    const found = foundIn(entries, file, layout);
    const told = toldBy(saved, found);
    // What a file of this package does not name has the network's own defaults.
    const finding = told.isOwn ? { ...found, assumed: {} } : found;
    const { model, built, unusedKeys } = fill(finding, entries, { ...told.options, ...given });
    if (strict && unusedKeys.length > 0) throw unused(file, finding, unusedKeys);
    if (device !== 'cpu') model.to(device);
    const isSaid = (name: string) => name in told.options || name in given;
    const assumed = Object.entries(finding.assumed).filter(([name]) => !isSaid(name));
    return new LoadedSegmenter({
      ...{ model, name: nameOf(finding), options: built, unusedKeys, numClasses: finding.numClasses },
      layout: told.isOwn ? 'ibn-net' : finding.layout,
      assumed: assumed.map(([name, value]) => `${name} ${value}`),
      classes: told.classes,
    });
  });
}

const nameOf = ({ head, backbone }: Finding): string => `${head}/${backbone}`;

const errorOf = (code: string, file: string | URL | Uint8Array, text: string) => {
  const name = file instanceof Uint8Array ? 'checkpoint' : String(file);
  return new CheckpointError(`${name}: ${text}`, {
    code,
    ...(file instanceof Uint8Array ? {} : { path: name }),
  });
};

function foundIn(
  entries: ReadonlyMap<string, Tensor>,
  file: string | URL | Uint8Array,
  layout: SegmentLayout | undefined,
): Finding {
  const shapes = new Map([...entries].map(([key, { shape }]) => [key, shape] as const));
  const finding = findNetwork(shapes, layout);
  if (finding !== undefined) return finding;
  const wanted = layout ?? SEGMENT_LAYOUTS.join(', ');
  const text = `Expected a network for segmentation of ${wanted}, got another; ${describeOther(shapes, layout)}`;
  throw errorOf('ERR_SEGMENT_UNKNOWN_NETWORK', file, text);
}

interface Told {
  readonly isOwn: boolean;
  readonly options: Readonly<Record<string, unknown>>;
  readonly classes: readonly string[] | undefined;
}

/** What a checkpoint of this package says of its network besides the weights. */
function toldBy(saved: unknown, finding: Finding): Told {
  const arch = entry(saved, 'arch');
  const classes = entry(saved, 'classes');
  const isOwn = arch === nameOf(finding);
  const options = isOwn ? entry(entry(saved, 'args'), 'options') : undefined;
  return {
    isOwn,
    options: options instanceof Map ? Object.fromEntries(options) : { ...(options as object) },
    classes: isOwn && Array.isArray(classes) ? classes.map(String) : undefined,
  };
}

function entry(container: unknown, key: string): unknown {
  if (container instanceof Map) return container.get(key);
  return (container as Record<string, unknown> | null | undefined)?.[key];
}

function fill(
  finding: Finding,
  entries: ReadonlyMap<string, Tensor>,
  given: Readonly<Record<string, unknown>>,
) {
  const { numClasses, assumed, options, prefix, rename } = finding;
  const { numClasses: _, backbone: __, ...others } = given;
  const built = { ...assumed, ...options, ...others, numClasses };
  const model = utils.skipInit(() => create(nameOf(finding), built)) as Segmenter;
  const wanted = model.stateDict();
  const state = new Map<string, Tensor>();
  const unusedKeys: string[] = [];
  for (const [key, tensor] of entries) {
    const own = key.startsWith(prefix) ? rename(key.slice(prefix.length)) : key;
    if (wanted.has(own) && key.startsWith(prefix)) state.set(own, tensor);
    else unusedKeys.push(key);
  }
  model.loadStateDict(state, { assign: 'compatible' });
  return { model: model.eval(), built, unusedKeys };
}

function unused(file: string | URL | Uint8Array, finding: Finding, keys: readonly string[]): CheckpointError {
  const more = keys.length > 1 ? ` (+${keys.length - 1})` : '';
  const text = `Expected only weights of ${nameOf(finding)}, got "${keys[0]}"${more}; pass { strict: false } to leave them out`;
  return errorOf('ERR_SEGMENT_UNUSED_KEYS', file, text);
}

/** Options of {@link loadBackbone}. */
export interface LoadBackboneOptions {
  /** Divide the norms of a plain network among IN and BN of a backbone with IBN-a. Default false. */
  splitNorms?: boolean;
}

/**
 * Fills a network's backbone with weights of ImageNet, of an IBN-Net, torchvision or timm file, to begin training with. The
 * file's classifier is left out; everything else must fit, so that nothing is left out in silence.
 *
 * @returns The keys that were loaded.
 * @throws StateDictError where a key or shape does not fit.
 * @example
 * const model = new segment.FCN({ backbone: 'resnet50_ibn_b' });
 * segment.loadBackbone(model, 'resnet50_ibn_b-9ca61e85.pth');
 */
export function loadBackbone(
  model: Segmenter,
  file: string | URL | Uint8Array,
  options: LoadBackboneOptions = {},
): string[] {
  checkPositions('segment.loadBackbone', arguments, 3);
  if (!(model instanceof Segmenter)) {
    const got = describeValue(model);
    throw new TypeError(`Expected a network of segment.create for segment.loadBackbone, got ${got}`);
  }
  checkOptions('segment.loadBackbone', options, ['splitNorms']);
  const { splitNorms = false } = options;
  checkFlags('segment.loadBackbone', { splitNorms });
  return scope(() => {
    const isHead = (key: string) => /(^|\.)fc\.(weight|bias)$/.test(key);
    const tensors = [...loadStateEntries(file, {})].filter(([, value]) => value instanceof Tensor);
    const state = new Map(tensors.filter(([key]) => !isHead(key)) as [string, Tensor][]);
    return model.backbone.loadStateDict(state, { stripPrefix: 'auto', splitNorms }).loaded;
  });
}
