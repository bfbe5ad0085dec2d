import { TorchError } from '../errors.ts';
import { checkOptions, checkPositions, checkText, describeValue, suggestion } from '../options.ts';
import { checkInteger, checkTimeout } from './checks.ts';
import { native } from './native.ts';
import { ProcessGroup } from './process-group.ts';
import { type Meeting, rendezvous } from './rendezvous.ts';
import { PrefixStore, Store } from './stores/store.ts';
import { closeWorld, groupOr, isInitialized, openWorld, theWorld } from './world.ts';

/** Options of {@link initProcessGroup}. */
export interface InitOptions {
  /** Default `'gloo'`. */
  backend?: 'gloo' | 'nccl';
  /** `env://` (default), `tcp://host:port` or `file:///path`. */
  initMethod?: string;
  /** This process, from 0. Default the environment's RANK. */
  rank?: number;
  /** How many processes there are. Default the environment's WORLD_SIZE. */
  worldSize?: number;
  /** In place of `initMethod`; wants `rank` and `worldSize`. */
  store?: Store;
  /** Milliseconds that meeting, and any collective, may take. Default 30 minutes. */
  timeout?: number;
}

/** As torch's for Gloo. */
const DEFAULT_TIMEOUT = 1_800_000;
const INIT_OPTIONS = ['backend', 'initMethod', 'rank', 'worldSize', 'store', 'timeout'];

/**
 * Meets the other processes and makes the default group, as torch.distributed.init_process_group. Python's ranks and
 * this package's can be in one group: addresses, names of keys and collectives are the same.
 *
 * @throws RangeError for bad options and variables; TorchError where others do not come in time
 * @example
 * await distributed.initProcessGroup({ backend: 'gloo' }); // RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT
 */
export async function initProcessGroup(options: InitOptions = {}): Promise<void> {
  checkPositions('initProcessGroup', arguments, 1);
  checkOptions('initProcessGroup', options, INIT_OPTIONS);
  const { backend = 'gloo', timeout = DEFAULT_TIMEOUT } = options;
  checkTimeout('initProcessGroup timeout', timeout);
  checkBackend('initProcessGroup', backend);
  if (isInitialized() || beginning) throw alreadyThere();
  beginning = true;
  try {
    const { store, rank, worldSize } = await meetingOf(options, timeout);
    store.setTimeout(timeout);
    const prefixed = new PrefixStore('default_pg', store);
    const ranks = Array.from({ length: worldSize }, (_, i) => i);
    openWorld(await makeGroup(prefixed, { rank, ranks, backend, timeout, name: '0' }), prefixed);
  } finally {
    beginning = false;
  }
}

let beginning = false;

function alreadyThere(): TorchError {
  return new TorchError('The default process group is there already. Await destroyProcessGroup() first', {
    code: 'ERR_DISTRIBUTED_INITIALIZED',
  });
}

async function meetingOf(options: InitOptions, timeout: number): Promise<Meeting> {
  const { store, initMethod, rank, worldSize } = options;
  if (worldSize !== undefined) checkInteger('initProcessGroup worldSize', worldSize, 1);
  if (rank !== undefined)
    checkInteger('initProcessGroup rank', rank, 0, (worldSize ?? Number.MAX_SAFE_INTEGER) - 1);
  if (store === undefined) {
    const method = initMethod ?? 'env://';
    checkText('initProcessGroup initMethod', 'a URL', method);
    return await rendezvous(method, { rank, worldSize }, timeout);
  }
  if (!(store instanceof Store))
    throw new TypeError(`Expected a Store for initProcessGroup store, got ${describeValue(store)}`);
  if (initMethod !== undefined)
    throw new RangeError('Expected initMethod or store for initProcessGroup, got both');
  if (rank === undefined || worldSize === undefined)
    throw new RangeError('Expected rank and worldSize beside store for initProcessGroup, got none');
  return { store, rank, worldSize };
}

const BACKENDS = ['gloo', 'nccl'];

function checkBackend(owner: string, backend: unknown): void {
  checkText(`${owner} backend`, 'a name', backend);
  if (backend === 'gloo') return;
  if (backend === 'nccl') throw noNccl();
  throw new RangeError(
    `Expected gloo for ${owner} backend, got "${backend}"${suggestion(backend, BACKENDS)}`,
  );
}

function noNccl(): TorchError {
  return new TorchError(
    'The backend "nccl" is not there: this package builds against the CPU headers of libtorch, which lack it. Use "gloo", ' +
      'which takes tensors on CUDA devices too',
    { code: 'ERR_DISTRIBUTED_BACKEND' },
  );
}

interface GroupPlan {
  readonly rank: number;
  readonly ranks: readonly number[];
  readonly backend: string;
  readonly timeout: number;
  readonly name: string;
}

async function makeGroup(store: Store, plan: GroupPlan): Promise<ProcessGroup> {
  const { rank, ranks, timeout, name } = plan;
  return new ProcessGroup(await native.processGroup(store.handle, name, rank, ranks, timeout), plan);
}

/** Options of {@link newGroup}. */
export interface NewGroupOptions {
  /** Default that of the default group. */
  backend?: 'gloo' | 'nccl';
  /** Milliseconds that a collective may take. Default 30 minutes. */
  timeout?: number;
}

/**
 * Makes a group of some ranks, as torch.distributed.new_group: all processes call it, those that are not in the group too,
 * in one order.
 *
 * @param ranks of the default group; all by default
 * @returns null in a process that is not in the group, where torch gives a placeholder
 */
export async function newGroup(
  ranks?: readonly number[],
  options: NewGroupOptions = {},
): Promise<ProcessGroup | null> {
  checkPositions('newGroup', arguments, 2);
  checkOptions('newGroup', options, ['backend', 'timeout']);
  const world = theWorld();
  const { backend = world.group.backend, timeout = DEFAULT_TIMEOUT } = options;
  checkBackend('newGroup', backend);
  checkTimeout('newGroup timeout', timeout);
  const members = membersOf(ranks, world.group.size());
  const name = String(world.count++);
  const rank = members.indexOf(world.group.rank());
  if (rank < 0) return null;
  const group = await makeGroup(world.store, { rank, ranks: members, backend, timeout, name });
  world.groups.add(group);
  return group;
}

function membersOf(ranks: readonly number[] | undefined, worldSize: number): number[] {
  if (ranks === undefined) return Array.from({ length: worldSize }, (_, i) => i);
  if (!Array.isArray(ranks))
    throw new TypeError(`Expected an array of ranks for newGroup, got ${describeValue(ranks)}`);
  if (ranks.length === 0) throw new RangeError('Expected ranks for newGroup, got none');
  for (const rank of ranks) checkInteger('newGroup rank', rank, 0, worldSize - 1);
  const members = [...ranks].sort((a, b) => a - b);
  const again = members.find((rank, i) => members[i + 1] === rank);
  if (again !== undefined) throw new RangeError(`Expected each rank once for newGroup, got ${again} again`);
  return members;
}

/**
 * Ends a group, or the default one with all others. Awaits collectives under way. A process that exits without it ends
 * its groups by that.
 */
export async function destroyProcessGroup(group?: ProcessGroup): Promise<void> {
  checkPositions('destroyProcessGroup', arguments, 1);
  const world = theWorld();
  const ended = groupOr('destroyProcessGroup', group);
  if (ended !== world.group) {
    world.groups.delete(ended);
    await ended.close();
    return;
  }
  closeWorld();
  for (const open of [...world.groups, world.group]) await open.close();
}

/** Whether libtorch was built with c10d, which all that this package installs are. */
export function isAvailable(): boolean {
  checkPositions('isAvailable', arguments, 0);
  return true;
}

/** Whether torchrun started this process: it sets TORCHELASTIC_RUN_ID. */
export function isTorchelasticLaunched(): boolean {
  checkPositions('isTorchelasticLaunched', arguments, 0);
  return process.env.TORCHELASTIC_RUN_ID !== undefined;
}

/** This process's rank in a group, by default in the default one; -1 for the null of `newGroup`. */
export function getRank(group?: ProcessGroup | null): number {
  checkPositions('getRank', arguments, 1);
  return group === null ? -1 : groupOr('getRank', group).rank();
}

/** How many processes a group has, by default the default one; -1 for the null of `newGroup`. */
export function getWorldSize(group?: ProcessGroup | null): number {
  checkPositions('getWorldSize', arguments, 1);
  return group === null ? -1 : groupOr('getWorldSize', group).size();
}

/** The backend's name. */
export function getBackend(group?: ProcessGroup): string {
  checkPositions('getBackend', arguments, 1);
  return groupOr('getBackend', group).backend;
}

/** Ranks in the default group, by rank of the group. */
export function getProcessGroupRanks(group?: ProcessGroup): number[] {
  checkPositions('getProcessGroupRanks', arguments, 1);
  return [...groupOr('getProcessGroupRanks', group).ranks];
}

/** A rank of the default group as a rank of `group`. @throws RangeError for one that is not in it */
export function getGroupRank(group: ProcessGroup, globalRank: number): number {
  checkPositions('getGroupRank', arguments, 2);
  return groupRank('getGroupRank', groupOr('getGroupRank', group), globalRank);
}

/** A rank of `group` as a rank of the default group. */
export function getGlobalRank(group: ProcessGroup, rank: number): number {
  checkPositions('getGlobalRank', arguments, 2);
  const { ranks } = groupOr('getGlobalRank', group);
  checkInteger('getGlobalRank rank', rank, 0, ranks.length - 1);
  return ranks[rank] as number;
}

/** @internal */
export function groupRank(owner: string, group: ProcessGroup, globalRank: unknown): number {
  checkInteger(owner, globalRank);
  const rank = group.ranks.indexOf(globalRank);
  if (rank >= 0) return rank;
  throw new RangeError(
    `Expected a rank of the group (${group.ranks.join(', ')}) for ${owner}, got ${globalRank}`,
  );
}
