import { TorchError } from '../errors.ts';
import { checkPositions, describeValue } from '../options.ts';
import { ProcessGroup } from './process-group.ts';
import type { PrefixStore } from './stores/store.ts';

/** What a process has open. */
interface World {
  readonly group: ProcessGroup;
  readonly store: PrefixStore;
  readonly groups: Set<ProcessGroup>;
  /** Names of groups are counted, in the same order on all ranks. */
  count: number;
}

let world: World | undefined;

/** Whether `initProcessGroup` has been called, and `destroyProcessGroup` has not. */
export function isInitialized(): boolean {
  checkPositions('isInitialized', arguments, 0);
  return world !== undefined;
}

/** @internal */
export function openWorld(group: ProcessGroup, store: PrefixStore): void {
  world = { group, store, groups: new Set(), count: 1 };
}

/** @internal */
export function closeWorld(): void {
  world = undefined;
}

/** @throws TorchError `ERR_DISTRIBUTED_NOT_INITIALIZED` */
export function theWorld(): World {
  if (world !== undefined) return world;
  throw new TorchError(
    'The default process group is not there. Call and await distributed.initProcessGroup() first',
    { code: 'ERR_DISTRIBUTED_NOT_INITIALIZED' },
  );
}

/** The group, or the default one. Groups that this process is not in are refused. */
export function groupOr(owner: string, group: ProcessGroup | null | undefined): ProcessGroup {
  const { group: whole } = theWorld();
  if (group === undefined) return whole;
  if (group instanceof ProcessGroup) return group;
  const got = group === null ? 'null: this process is not in that group' : describeValue(group);
  throw new TypeError(`Expected a ProcessGroup for ${owner} group, got ${got}`);
}
