import {
  DistributedEvalSampler,
  DistributedSampler,
  datasets,
  distributed,
  nn,
  ones,
  train,
} from '../../lib/index.ts';
import type { Calls } from './call.ts';

const t = () => ones([2]);
const linear = () => new nn.Linear(2, 2);

/** What processes that compute together call. Options are looked at first, so that no group is needed. */
export const DISTRIBUTED_CALLS: Calls = {
  'distributed.initProcessGroup': (o) => distributed.initProcessGroup(o),
  'distributed.newGroup': (o) => distributed.newGroup([0], o),
  'distributed.barrier': (o) => distributed.barrier(o),
  'distributed.monitoredBarrier': (o) => distributed.monitoredBarrier(o),
  'distributed.allGather': (o) => distributed.allGather([t()], t(), o),
  'distributed.allGatherIntoTensor': (o) => distributed.allGatherIntoTensor(t(), t(), o),
  'distributed.gather': (o) => distributed.gather(t(), [t()], o),
  'distributed.scatter': (o) => distributed.scatter(t(), [t()], o),
  'distributed.allToAll': (o) => distributed.allToAll([t()], [t()], o),
  'distributed.allToAllSingle': (o) => distributed.allToAllSingle(t(), t(), o),
  'distributed.send': (o) => distributed.send(t(), 0, o),
  'distributed.isend': (o) => distributed.isend(t(), 0, o),
  'distributed.recv': (o) => distributed.recv(t(), 0, o),
  'distributed.irecv': (o) => distributed.irecv(t(), 0, o),
  'distributed.broadcastObjectList': (o) => distributed.broadcastObjectList([1], o),
  'distributed.allGatherObject': (o) => distributed.allGatherObject(1, o),
  'distributed.allReduce': (o) => distributed.allReduce(t(), o),
  'distributed.reduce': (o) => distributed.reduce(t(), 0, o),
  'distributed.broadcast': (o) => distributed.broadcast(t(), 0, o),
  'distributed.reduceScatter': (o) => distributed.reduceScatter(t(), [t()], o),
  'distributed.reduceScatterTensor': (o) => distributed.reduceScatterTensor(t(), t(), o),
  'distributed.TCPStore.connect': (o) => distributed.TCPStore.connect('127.0.0.1', 1, o),
  'nn.SyncBatchNorm': (o) => new nn.SyncBatchNorm(2, o),
  'nn.parallel.DistributedDataParallel': (o) => new nn.parallel.DistributedDataParallel(linear(), o),
  'nn.parallel.DistributedDataParallel.create': (o) =>
    nn.parallel.DistributedDataParallel.create(linear(), o),
  DistributedEvalSampler: (o) => new DistributedEvalSampler([1, 2], o),
  'train.ClassificationMetrics.allReduce': (o) => new train.ClassificationMetrics(2).allReduce(o),
  DistributedSampler: (o) => new DistributedSampler([1, 2], o),
  'datasets.WebDataset.open': (o) => datasets.WebDataset.open('/nowhere/shard.tar', o),
};
