/** torch.nn.utils.rnn: sequences of different lengths as one tensor. */
import { checkFlags, checkNumbers, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { checkMaybeTensor, checkTensor, listOfTensors } from '../../tensor/check-tensor.ts';
import {
  type Device,
  type DType,
  isComplex,
  isTensor,
  ops,
  type Tensor,
  type ToOptions,
  tensor,
} from '../../tensor/index.ts';

type Parts = [data: Tensor, batchSizes: Tensor, sortedIndices: Tensor | null, unsortedIndices: Tensor | null];

/**
 * Sequences without their padding, step after step, as recurrent layers take them. A tuple, as torch's:
 * `const [data, batchSizes] = packed`. Made by `packSequence` and `packPaddedSequence`.
 */
export class PackedSequence extends Array<Tensor | null> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /**
   * @param data The steps of all sequences, (sum of lengths, ...).
   * @param batchSizes How many sequences go on at each step: int64 on the CPU.
   * @param sortedIndices How the sequences were sorted by length, or null where they were sorted before.
   */
  constructor(
    data: Tensor,
    batchSizes: Tensor,
    sortedIndices: Tensor | null = null,
    unsortedIndices: Tensor | null = null,
  ) {
    checkPositions('PackedSequence', arguments, 4);
    for (const [name, value] of Object.entries({ data, batchSizes }))
      checkTensor('PackedSequence', name, value);
    for (const [name, value] of Object.entries({ sortedIndices, unsortedIndices }))
      checkMaybeTensor('PackedSequence', name, value);
    if (batchSizes.device !== 'cpu') {
      throw new RangeError(`Expected PackedSequence batchSizes on the CPU, got ${batchSizes.device}`);
    }
    super();
    this.push(data, batchSizes, sortedIndices, unsortedIndices ?? invertPermutation(sortedIndices));
  }

  get data(): Tensor {
    return this[0] as Tensor;
  }

  get batchSizes(): Tensor {
    return this[1] as Tensor;
  }

  get sortedIndices(): Tensor | null {
    return this[2] as Tensor | null;
  }

  get unsortedIndices(): Tensor | null {
    return this[3] as Tensor | null;
  }

  /** The same with the data elsewhere or of another dtype; the batch sizes stay on the CPU. */
  to(target: Device | DType | ToOptions): PackedSequence {
    const [data, batchSizes, sorted, unsorted] = this as unknown as Parts;
    const moved = data.to(target as Device);
    const follow = (indices: Tensor | null): Tensor | null => indices?.to(moved.device as Device) ?? null;
    return new PackedSequence(moved, batchSizes, follow(sorted), follow(unsorted));
  }
}

/** The permutation that undoes `permutation`; null for null. */
export function invertPermutation(permutation: Tensor | null): Tensor | null {
  checkPositions('invertPermutation', arguments, 1);
  checkMaybeTensor('invertPermutation', 'permutation', permutation);
  if (permutation === null) return null;
  const { dtype, device } = permutation;
  if (permutation.dim() !== 1 || (dtype !== 'int64' && dtype !== 'int32')) {
    throw new RangeError(
      `Expected int64 of one dimension for invertPermutation, got ${dtype} of shape [${permutation.shape}]`,
    );
  }
  const places = ops.aten.arange(permutation.numel(), { dtype, device });
  return ops.aten.scatter.src(ops.aten.empty_like(permutation), 0, permutation, places);
}

/** Options of `packPaddedSequence`. */
export interface PackPaddedOptions {
  /** The input is (batch, steps, ...) rather than (steps, batch, ...). Default false. */
  batchFirst?: boolean;
  /** Refuse sequences that are not sorted by descending length; false sorts them. Default true. */
  enforceSorted?: boolean;
}

/**
 * Packs padded sequences of given lengths.
 *
 * @param lengths An array, or an int64 tensor on the CPU.
 * @example const [output] = lstm.forward(nn.utils.rnn.packPaddedSequence(x, [5, 3, 2]));
 */
export function packPaddedSequence(
  x: Tensor,
  lengths: Tensor | readonly number[],
  options: PackPaddedOptions = {},
): PackedSequence {
  checkPositions('packPaddedSequence', arguments, 3);
  checkOptions('packPaddedSequence', options, ['batchFirst', 'enforceSorted']);
  const { batchFirst = false, enforceSorted = true } = options;
  checkFlags('packPaddedSequence', { batchFirst, enforceSorted });
  checkTensor('packPaddedSequence', 'x', x);
  const given = tensor(lengthsOf('packPaddedSequence', lengths), { dtype: 'int64' });
  if (enforceSorted) {
    checkSorted(given);
    const [data, batchSizes] = ops.aten._pack_padded_sequence(x, given, batchFirst);
    return new PackedSequence(data, batchSizes);
  }
  const [descending, order] = ops.aten.sort(given, -1, true);
  const sorted = order.to(x.device as Device);
  const input = x.indexSelect(batchFirst ? 0 : 1, sorted);
  const [data, batchSizes] = ops.aten._pack_padded_sequence(input, descending, batchFirst);
  return new PackedSequence(data, batchSizes, sorted);
}

/** At least one sequence, each with a dimension of steps. */
function checkSequences(owner: string, sequences: Iterable<Tensor>): Tensor[] {
  const list = listOfTensors(owner, 'sequences', sequences);
  if (list.length === 0)
    throw new RangeError(`Expected at least one sequence for ${owner}, got an empty list`);
  const flat = list.findIndex((sequence) => sequence.dim() === 0);
  if (flat < 0) return list;
  throw new RangeError(
    `Expected sequences with a dimension of steps for ${owner}, got a tensor of none at ${flat}`,
  );
}

/** Lengths from an array or a tensor of one dimension. */
function lengthsOf(owner: string, lengths: unknown): number[] {
  const isVector = isTensor(lengths) && lengths.dim() === 1 && !isComplex(lengths.dtype);
  const list: unknown = isVector ? lengths.to('int64').toArray() : lengths;
  const isLength = (item: unknown): boolean => Number.isInteger(item) && (item as number) >= 0;
  if (Array.isArray(list) && list.every(isLength)) return list as number[];
  const wrong: unknown = Array.isArray(list) ? list.find((item) => !isLength(item)) : list;
  throw new TypeError(
    `Expected an array of whole numbers, or a Tensor of one dimension, for ${owner} argument "lengths", got ` +
      (isTensor(wrong) ? `${wrong.dtype} of shape [${wrong.shape}]` : describeValue(wrong)),
  );
}

function checkSorted(lengths: Tensor): void {
  const list = lengths.toArray() as number[];
  if (list.every((length, i) => i === 0 || length <= (list[i - 1] as number))) return;
  throw new RangeError(
    `Expected lengths in descending order for packPaddedSequence, got [${list}]; pass { enforceSorted: false }`,
  );
}

/** Options of `padPackedSequence`. */
export interface PadPackedOptions {
  /** Give (batch, steps, ...) rather than (steps, batch, ...). Default false. */
  batchFirst?: boolean;
  /** Default 0. */
  paddingValue?: number;
  /** Pad to this many steps rather than those of the longest. */
  totalLength?: number | null;
}

/** Pads packed sequences again: `[padded, lengths]`, the lengths int64 (batch). */
export function padPackedSequence(
  sequence: PackedSequence,
  options: PadPackedOptions = {},
): [Tensor, Tensor] {
  checkPositions('padPackedSequence', arguments, 2);
  checkOptions('padPackedSequence', options, ['batchFirst', 'paddingValue', 'totalLength']);
  const { batchFirst = false, paddingValue = 0, totalLength = null } = options;
  checkFlags('padPackedSequence', { batchFirst });
  checkNumbers('padPackedSequence', { paddingValue });
  const { data, batchSizes, unsortedIndices } = checkPacked('padPackedSequence', sequence);
  const longest = batchSizes.shape[0] as number;
  if (totalLength !== null && !(Number.isInteger(totalLength) && totalLength >= longest)) {
    throw new RangeError(
      `Expected a totalLength of at least ${longest}, the longest sequence's, for padPackedSequence, got ${describeValue(totalLength)}`,
    );
  }
  const [padded, lengths] = ops.aten._pad_packed_sequence(
    data,
    batchSizes,
    batchFirst,
    paddingValue,
    totalLength ?? longest,
  );
  if (unsortedIndices === null) return [padded, lengths];
  const ordered = padded.indexSelect(batchFirst ? 0 : 1, unsortedIndices);
  return [ordered, lengths.indexSelect(0, unsortedIndices.to('cpu'))];
}

function checkPacked(name: string, sequence: PackedSequence): PackedSequence {
  if (sequence instanceof PackedSequence) return sequence;
  throw new TypeError(`Expected a PackedSequence for ${name}, got ${describeValue(sequence)}`);
}

/** Options of `padSequence`. */
export interface PadSequenceOptions {
  /** Give (batch, steps, ...) rather than (steps, batch, ...). Default false. */
  batchFirst?: boolean;
  /** Default 0. */
  paddingValue?: number;
  /** Default `'right'`. */
  paddingSide?: 'left' | 'right';
}

/** Sequences (steps, ...) as one tensor (longest, batch, ...). */
export function padSequence(sequences: readonly Tensor[], options: PadSequenceOptions = {}): Tensor {
  checkPositions('padSequence', arguments, 2);
  checkOptions('padSequence', options, ['batchFirst', 'paddingValue', 'paddingSide']);
  const { batchFirst = false, paddingValue = 0, paddingSide = 'right' } = options;
  if (paddingSide !== 'left' && paddingSide !== 'right') {
    throw new RangeError(
      `Expected paddingSide "left" or "right" for padSequence, got ${describeValue(paddingSide)}`,
    );
  }
  checkFlags('padSequence', { batchFirst });
  checkNumbers('padSequence', { paddingValue });
  const list = checkSequences('padSequence', sequences);
  return ops.aten.pad_sequence(list, batchFirst, paddingValue, paddingSide);
}

/** The sequences of a padded tensor, each of its length. */
export function unpadSequence(
  padded: Tensor,
  lengths: Tensor | readonly number[],
  options: { batchFirst?: boolean } = {},
): Tensor[] {
  checkPositions('unpadSequence', arguments, 3);
  checkOptions('unpadSequence', options, ['batchFirst']);
  const { batchFirst = false } = options;
  checkFlags('unpadSequence', { batchFirst });
  checkTensor('unpadSequence', 'padded', padded);
  const list = lengthsOf('unpadSequence', lengths);
  const batched = batchFirst ? padded : padded.transpose(0, 1);
  return list.map((length, i) => batched.select(0, i).narrow(0, 0, length));
}

/**
 * Packs sequences (steps, ...).
 *
 * @example nn.utils.rnn.packSequence([randn([5, 8]), randn([3, 8])]);
 */
export function packSequence(
  sequences: readonly Tensor[],
  options: { enforceSorted?: boolean } = {},
): PackedSequence {
  checkPositions('packSequence', arguments, 2);
  checkOptions('packSequence', options, ['enforceSorted']);
  const list = checkSequences('packSequence', sequences);
  const lengths = list.map((sequence) => sequence.shape[0] as number);
  return packPaddedSequence(padSequence(list), lengths, options);
}

/** The sequences of a packed one, each of its length, in their first order. */
export function unpackSequence(sequence: PackedSequence): Tensor[] {
  checkPositions('unpackSequence', arguments, 1);
  const [padded, lengths] = padPackedSequence(sequence, { batchFirst: true });
  return unpadSequence(padded, lengths, { batchFirst: true });
}
