export { BatchSampler } from './batch-sampler.ts';
export { DistributedEvalSampler, type DistributedEvalSamplerOptions } from './distributed-eval-sampler.ts';
export { DistributedSampler, type DistributedSamplerOptions } from './distributed-sampler.ts';
export {
  RandomSampler,
  type RandomSamplerOptions,
  SubsetRandomSampler,
  type SubsetRandomSamplerOptions,
} from './random-sampler.ts';
export type { Sampler, Sized } from './sampler.ts';
export { SequentialSampler } from './sequential-sampler.ts';
export { WeightedRandomSampler, type WeightedRandomSamplerOptions } from './weighted-random-sampler.ts';
