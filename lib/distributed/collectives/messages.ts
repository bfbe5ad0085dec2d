import { checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { checkInteger, checkTensor } from '../checks.ts';
import { groupRank } from '../init.ts';
import type { ProcessGroup } from '../process-group.ts';
import { type CollectiveOptions, groupFor, run } from './run.ts';
import { Work } from './work.ts';

/** Options of messages between two ranks. */
export interface MessageOptions extends CollectiveOptions {
  /** Matches a message with its receiver. Default 0. */
  tag?: number;
}

const OPTIONS = ['group', 'timeout', 'tag'];
const LARGEST_TAG = 2 ** 31 - 1;

/** Sends a tensor to rank `dst` of the default group. */
export async function send(tensor: Tensor, dst: number, options: MessageOptions = {}): Promise<void> {
  checkPositions('send', arguments, 3);
  await sending('send', tensor, dst, options);
}

/** Begins to send; the tensor must stay as it is until that is done. */
export function isend(tensor: Tensor, dst: number, options: MessageOptions = {}): Work {
  checkPositions('isend', arguments, 3);
  return new Work(sending('isend', tensor, dst, options));
}

function sending(
  owner: string,
  tensor: Tensor,
  dst: number,
  options: MessageOptions,
): Promise<number | undefined> {
  const group = prepared(owner, tensor, options);
  const number = groupRank(`${owner} dst`, group, dst);
  if (number === group.rank())
    throw new RangeError(`Expected another rank for ${owner} dst, got ${dst}, which this one is`);
  const request = { inputs: [[tensor]], number, tag: options.tag ?? 0 };
  return run('send', group, request, options).then(() => undefined);
}

/**
 * Receives into the tensor from rank `src` of the default group, by default from any.
 *
 * @returns the rank of the default group that it came from
 */
export async function recv(tensor: Tensor, src?: number, options: MessageOptions = {}): Promise<number> {
  checkPositions('recv', arguments, 3);
  return await receiving('recv', tensor, src, options);
}

/** Begins to receive; the tensor's values are there when that is done. */
export function irecv(tensor: Tensor, src?: number, options: MessageOptions = {}): Work {
  checkPositions('irecv', arguments, 3);
  return new Work(receiving('irecv', tensor, src, options));
}

async function receiving(
  owner: string,
  tensor: Tensor,
  src: number | undefined,
  options: MessageOptions,
): Promise<number> {
  const group = prepared(owner, tensor, options);
  const number = src === undefined ? 0 : groupRank(`${owner} src`, group, src);
  const request = { inputs: [[tensor]], number, tag: options.tag ?? 0 };
  const source = await run(src === undefined ? 'recv_any' : 'recv', group, request, options);
  return src ?? (group.ranks[source as number] as number);
}

function prepared(owner: string, tensor: Tensor, options: MessageOptions): ProcessGroup {
  checkOptions(owner, options, OPTIONS);
  checkTensor(`${owner} tensor`, tensor);
  if (options.tag !== undefined) checkInteger(`${owner} tag`, options.tag, 0, LARGEST_TAG);
  return groupFor(owner, options);
}
