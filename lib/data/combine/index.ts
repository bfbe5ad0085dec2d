export { ConcatDataset } from './concat-dataset.ts';
export { ChainDataset, IterableDataset, type Samples } from './iterable-dataset.ts';
export { type RandomSplitOptions, randomSplit } from './random-split.ts';
export { StackDataset, type Stacked } from './stack-dataset.ts';
export { Subset } from './subset.ts';
export { TensorDataset } from './tensor-dataset.ts';
