/** Processes that compute together, with torch.distributed's names, over libtorch's c10d. */
export { barrier, type MonitoredBarrierOptions, monitoredBarrier } from './collectives/barrier.ts';
export {
  type AllToAllSingleOptions,
  allGather,
  allGatherIntoTensor,
  allToAll,
  allToAllSingle,
  type GatherOptions,
  gather,
  type ScatterOptions,
  scatter,
} from './collectives/gather.ts';
export { irecv, isend, type MessageOptions, recv, send } from './collectives/messages.ts';
export {
  allGatherObject,
  type BroadcastObjectOptions,
  broadcastObjectList,
} from './collectives/objects.ts';
export { allReduce, broadcast, reduce, reduceScatter, reduceScatterTensor } from './collectives/reduce.ts';
export type { CollectiveOptions, ReduceOptions } from './collectives/run.ts';
export { Work } from './collectives/work.ts';
export {
  destroyProcessGroup,
  getBackend,
  getGlobalRank,
  getGroupRank,
  getProcessGroupRanks,
  getRank,
  getWorldSize,
  type InitOptions,
  initProcessGroup,
  isAvailable,
  isTorchelasticLaunched,
  type NewGroupOptions,
  newGroup,
} from './init.ts';
export { ProcessGroup } from './process-group.ts';
export { ReduceOp } from './reduce-op.ts';
export { FileStore, HashStore, PrefixStore, Store } from './stores/store.ts';
export { TCPStore, type TCPStoreOptions } from './stores/tcp-store.ts';
export { isInitialized } from './world.ts';
