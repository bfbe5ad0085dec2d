import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { commonPrefix, load, metadataOf, save, saveSafetensors, textsOf } from '../../checkpoint/index.ts';
import { attachMetadata } from '../../checkpoint/metadata.ts';
import { findStateDict } from '../../checkpoint/objects/state-dict.ts';
import { type DType, isFloatingPoint, isTensor, scope, type Tensor } from '../../tensor/index.ts';
import { formatBytes } from '../numbers.ts';
import { type KeyOptions, renamedKeys } from './keys.ts';

/** How `convertFile` writes a state dict. */
export interface ConvertOptions extends KeyOptions {
  /** Of floating-point tensors; others stay as they are. */
  dtype?: DType | undefined;
  /** Write over a file that is there. */
  force?: boolean | undefined;
  /** Leave out what is beside the state dict. */
  drop?: boolean | undefined;
  /** For safetensors: write each tensor that shares memory by itself. */
  clone?: boolean | undefined;
}

/** What a conversion did, in sentences for people. */
export interface Conversion {
  readonly tensors: number;
  readonly bytes: number;
  readonly notes: readonly string[];
}

const FORMATS: Readonly<Record<string, 'torch' | 'safetensors'>> = {
  '.safetensors': 'safetensors',
  ...{ '.pth': 'torch', '.pt': 'torch', '.bin': 'torch', '.ckpt': 'torch', '.tar': 'torch' },
};

/**
 * Writes the state dict of a file into another, complete or not at all.
 *
 * @throws RangeError where something would be lost or overwritten that was not named; CheckpointError as `load` and `save`.
 */
export function convertFile(from: string, to: string, options: ConvertOptions = {}): Conversion {
  const format = formatOf(to);
  if (existsSync(to) && !options.force)
    throw new RangeError(`Expected a new file, got ${to}, which is there; pass --force to write over it`);
  return scope(() => {
    const saved = load<unknown>(from);
    const { path, entries } = findStateDict(saved);
    const dropped = leftOut(saved, path, entries);
    if (dropped.length > 0 && !options.drop) throw wouldDrop(from, dropped);
    const converted = convertEntries(entries, options);
    const notes = [
      ...(dropped.length > 0 ? [`Left out: ${dropped.join(', ')}`] : []),
      ...overflowNotes(entries, converted.tensors),
      ...partedNotes(entries, converted.tensors),
      ...write(to, format, converted, { saved, entries, options }),
    ];
    const all = [...converted.tensors.values()];
    const bytes = all.reduce((sum, tensor) => sum + tensor.numel() * tensor.itemsize, 0);
    return { tensors: all.length, bytes, notes };
  });
}

function formatOf(path: string): 'torch' | 'safetensors' {
  const name = basename(path);
  const format = FORMATS[name.slice(name.lastIndexOf('.'))];
  if (format !== undefined && name.includes('.')) return format;
  throw new RangeError(
    `Expected a name that ends in ${Object.keys(FORMATS).join(', ')} for the output, got "${name}"`,
  );
}

/** What the state dict does not hold: entries beside it on the way down, and in it what is no tensor. */
function leftOut(saved: unknown, path: readonly string[], entries: ReadonlyMap<string, unknown>): string[] {
  const found: string[] = [];
  let level = saved;
  for (const [depth, name] of path.entries()) {
    const here = level instanceof Map ? [...level] : Object.entries(level as object);
    const front = path.slice(0, depth).map((step) => `${step}.`);
    for (const [key] of here) if (key !== name) found.push(`"${front.join('')}${String(key)}"`);
    level = here.find(([key]) => key === name)?.[1];
  }
  const front = path.map((step) => `${step}.`).join('');
  for (const [key, value] of entries) if (!isTensor(value)) found.push(`"${front}${key}"`);
  return found;
}

function wouldDrop(from: string, dropped: readonly string[]): RangeError {
  return new RangeError(
    `Expected a file of tensors only, got ${dropped.join(', ')} beside them in ${basename(from)}; pass --drop to ` +
      'leave that out',
  );
}

interface Converted {
  readonly tensors: Map<string, Tensor>;
  readonly names: ReadonlyMap<string, string>;
}

function convertEntries(entries: ReadonlyMap<string, unknown>, options: ConvertOptions): Converted {
  const given = [...entries].filter((entry): entry is [string, Tensor] => isTensor(entry[1]));
  const keys = given.map(([key]) => key);
  const names = renamedKeys(keys, options, commonPrefix(keys));
  // One tensor under two names stays one.
  const made = new Map<Tensor, Tensor>();
  const tensors = new Map<string, Tensor>();
  for (const [key, tensor] of given) {
    const converted = made.get(tensor) ?? inDType(tensor, options.dtype);
    made.set(tensor, converted);
    tensors.set(names.get(key) as string, converted);
  }
  return { tensors, names };
}

function inDType(tensor: Tensor, dtype: DType | undefined): Tensor {
  return dtype === undefined || !isFloatingPoint(tensor.dtype) ? tensor : tensor.detach().to({ dtype });
}

/** A smaller dtype makes large numbers infinite. */
function overflowNotes(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, Tensor>): string[] {
  const sources = [...before.values()].filter(isTensor);
  return [...after].flatMap(([name, tensor], index) => {
    const source = sources[index] as Tensor;
    if (source.dtype === tensor.dtype || !isFloatingPoint(tensor.dtype)) return [];
    const lost = infinities(tensor) - infinities(source);
    return lost > 0
      ? [`Infinite in ${tensor.dtype}: ${lost} ${lost === 1 ? 'number' : 'numbers'} of "${name}"`]
      : [];
  });
}

const infinities = (tensor: Tensor) => scope(() => Number(tensor.detach().isinf().sum().item()));

/** Views of one storage become tensors of their own where they are converted. */
function partedNotes(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, Tensor>): string[] {
  const sources = [...before.values()].filter(isTensor);
  const named = new Map([...after.keys()].map((name, index) => [name, sources[index] as Tensor]));
  const still = new Set(sharedKeys(after).flat());
  const parted = sharedKeys(named).filter((keys) => keys.some((key) => !still.has(key)));
  return parted.map((keys) => `Converted each by itself, though one storage before: ${keys.join(', ')}`);
}

interface Origin {
  readonly saved: unknown;
  readonly entries: ReadonlyMap<string, unknown>;
  readonly options: ConvertOptions;
}

function write(to: string, format: 'torch' | 'safetensors', converted: Converted, origin: Origin): string[] {
  return format === 'torch' ? writeTorch(to, converted, origin) : writeSafetensors(to, converted, origin);
}

/** Versions of modules go with the keys where those stay. */
function writeTorch(to: string, { tensors, names }: Converted, { saved, entries }: Origin): string[] {
  const metadata = metadataOf(entries);
  const isRenamed = [...names].some(([old, name]) => old !== name);
  save(metadata && !isRenamed ? attachMetadata(tensors, metadata) : tensors, to);
  const texts = textsNotes(saved, 'a .pth file');
  return metadata && isRenamed ? ['Left out: versions of modules, whose keys were renamed', ...texts] : texts;
}

function textsNotes(saved: unknown, place: string): string[] {
  const texts = saved instanceof Map ? textsOf(saved) : undefined;
  const names = Object.keys(texts ?? {}).filter((name) => name !== 'format');
  return names.length === 0 ? [] : [`Left out, as ${place} has no texts: ${names.join(', ')}`];
}

function writeSafetensors(to: string, { tensors }: Converted, { saved, entries, options }: Origin): string[] {
  const groups = sharedKeys(tensors);
  if (groups.length > 0 && !options.clone) throw wouldRepeat(groups);
  const texts = saved instanceof Map ? textsOf(saved) : undefined;
  saveSafetensors(tensors, to, texts === undefined ? {} : { metadata: texts });
  return [
    ...groups.map((keys) => `Written by itself each, though one storage before: ${keys.join(', ')}`),
    ...(metadataOf(entries) ? ['Left out, as safetensors has no place for them: versions of modules'] : []),
  ];
}

/** Keys of tensors whose memory overlaps. */
function sharedKeys(tensors: ReadonlyMap<string, Tensor>): string[][] {
  const spans = [...tensors]
    .filter(([, tensor]) => tensor.numel() > 0 && tensor.device === 'cpu' && tensor.layout === 'strided')
    .map(([key, tensor]) => ({ key, ...spanOf(tensor) }))
    .sort((a, b) => a.start - b.start);
  const groups: string[][] = [];
  let end = -1;
  for (const [index, span] of spans.entries()) {
    if (span.start < end) (groups.at(-1) as string[]).push(span.key);
    else if (spans[index + 1] !== undefined) groups.push([span.key]);
    end = Math.max(end, span.end);
  }
  return groups.filter((keys) => keys.length > 1);
}

/** From the first byte to behind the last; addresses are below 2^53. */
function spanOf(tensor: Tensor): { start: number; end: number } {
  const first = scope(() => Number(tensor.untypedStorage().dataPtr()));
  const start = first + tensor.storageOffset() * tensor.itemsize;
  const steps = tensor.stride().map((step, dim) => step * ((tensor.shape[dim] as number) - 1));
  return { start, end: start + (steps.reduce((sum, step) => sum + step, 0) + 1) * tensor.itemsize };
}

function wouldRepeat(groups: readonly string[][]): RangeError {
  const shown = groups.slice(0, 3).map((keys) =>
    keys
      .slice(0, 4)
      .map((key) => `"${key}"`)
      .join(', '),
  );
  return new RangeError(
    `Expected tensors with memory of their own for safetensors, got one storage under ${shown.join('; ')}` +
      `${groups.length > 3 ? `; and ${groups.length - 3} more` : ''}; pass --clone to write each by itself`,
  );
}

/** One line for people. */
export function formatConversion(to: string, { tensors, bytes, notes }: Conversion): string {
  return [...notes, `${basename(to)}: ${tensors.toLocaleString('en')} tensors, ${formatBytes(bytes)}`].join(
    '\n',
  );
}
