/** Modules over several processes, with torch.nn.parallel's names. */
export {
  DistributedDataParallel,
  type DistributedDataParallelOptions,
} from './distributed-data-parallel.ts';
