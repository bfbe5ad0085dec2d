import { pickleObject, unpickleObject } from '../../checkpoint/pickle-object.ts';
import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { empty, scope, type Tensor, tensor, zeros } from '../../tensor/index.ts';
import { groupRank } from '../init.ts';
import type { ProcessGroup } from '../process-group.ts';
import { type CollectiveOptions, groupFor, run } from './run.ts';

/** Options of {@link broadcastObjectList}. */
export interface BroadcastObjectOptions extends CollectiveOptions {
  /** The rank of the default group whose list all get. Default 0. */
  src?: number;
}

/**
 * Writes the values of rank `src` into the lists of all ranks, which are of one length. Values are plain: numbers, strings,
 * booleans, null, bytes, arrays, Maps, Sets, plain objects. They travel as pickles, so that Python's ranks understand them;
 * of Python's, data is read and nothing is run.
 *
 * @example
 * const settings = [{ lr: 0.1, seed: 7 }];
 * await distributed.broadcastObjectList(settings);
 */
export async function broadcastObjectList(
  objectList: unknown[],
  options: BroadcastObjectOptions = {},
): Promise<void> {
  checkPositions('broadcastObjectList', arguments, 2);
  checkOptions('broadcastObjectList', options, ['group', 'timeout', 'src']);
  if (!Array.isArray(objectList) || objectList.length === 0)
    throw new TypeError(
      `Expected an array of values for broadcastObjectList, got ${describeValue(objectList)}`,
    );
  const group = groupFor('broadcastObjectList', options);
  const root = groupRank('broadcastObjectList src', group, options.src ?? 0);
  const mine = group.rank() === root ? objectList.map(pickleObject) : undefined;
  await group.exclusively('broadcastObjectList', async () => {
    const pickles = await broadcastPickles(mine, objectList.length, group, root, options);
    if (mine === undefined) for (const [i, bytes] of pickles.entries()) objectList[i] = unpickleObject(bytes);
  });
}

async function broadcastPickles(
  mine: readonly Uint8Array[] | undefined,
  count: number,
  group: ProcessGroup,
  number: number,
  options: CollectiveOptions,
): Promise<Uint8Array[]> {
  const send = (values: Tensor) => run('broadcast', group, { inputs: [[values]], number }, options, true);
  const sizes = mine === undefined ? zeros([count], { dtype: 'int64' }) : sizesOf(mine);
  await send(sizes);
  const lengths = numbersOf(sizes);
  const bytes =
    mine === undefined ? empty([lengths.reduce((a, b) => a + b, 0)], { dtype: 'uint8' }) : bytesOf(mine);
  await send(bytes);
  const all = bytes.data() as Uint8Array;
  for (const used of [sizes, bytes]) used.dispose();
  const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((a, b) => a + b, 0));
  return lengths.map((length, i) => all.slice((ends[i] as number) - length, ends[i]));
}

/**
 * Gathers a value of each rank on all, as torch.distributed.all_gather_object; see {@link broadcastObjectList} for what
 * values may be.
 *
 * @returns the values by rank of the group; torch fills a list
 * @example const losses = await distributed.allGatherObject({ loss: 0.5 });
 */
export async function allGatherObject<T = unknown>(value: T, options: CollectiveOptions = {}): Promise<T[]> {
  checkPositions('allGatherObject', arguments, 2);
  checkOptions('allGatherObject', options, ['group', 'timeout']);
  const group = groupFor('allGatherObject', options);
  const mine = pickleObject(value);
  return await group.exclusively('allGatherObject', async () => {
    const pickles = await gatherPickles(mine, group, options);
    return pickles.map((bytes) => unpickleObject(bytes) as T);
  });
}

async function gatherPickles(
  mine: Uint8Array,
  group: ProcessGroup,
  options: CollectiveOptions,
): Promise<Uint8Array[]> {
  const gathered = async (values: Tensor): Promise<Tensor[]> => {
    const list = Array.from({ length: group.size() }, () => empty(values.shape, { dtype: values.dtype }));
    await run('all_gather', group, { outputs: [list], inputs: [[values]] }, options, true);
    values.dispose();
    return list;
  };
  const lengths = (await gathered(sizesOf([mine]))).flatMap((size) => numbersOf(size));
  const padded = new Uint8Array(Math.max(...lengths));
  padded.set(mine);
  const all = await gathered(tensor(padded, { dtype: 'uint8' }));
  return all.map((bytes, i) => {
    const data = (bytes.data() as Uint8Array).slice(0, lengths[i]);
    bytes.dispose();
    return data;
  });
}

const sizesOf = (pickles: readonly Uint8Array[]): Tensor =>
  tensor(
    pickles.map(({ length }) => length),
    { dtype: 'int64' },
  );

const bytesOf = (pickles: readonly Uint8Array[]): Tensor =>
  tensor(new Uint8Array(Buffer.concat(pickles)), { dtype: 'uint8' });

const numbersOf = (values: Tensor): number[] =>
  scope(() => Array.from(values.data() as BigInt64Array, Number));
