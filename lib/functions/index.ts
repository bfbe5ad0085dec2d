/** torch's functions: those that are ops, generated; those that are more than one op, by hand. */
export * as fft from './generated/fft.ts';
export * as linalg from './generated/linalg.ts';
export * as special from './generated/special.ts';
export * from './generated/torch.ts';
export { type CdistOptions, cdist, einsum, type NormOptions, norm, tensordot } from './products.ts';
export * from './shapes.ts';
export { type StftOptions, stft } from './stft.ts';
export {
  type Unique,
  type UniqueConsecutiveOptions,
  type UniqueOptions,
  unique,
  uniqueConsecutive,
} from './unique.ts';
