/** Averages of weights over training, with torch.optim.swa_utils' names. */
export { AveragedModel, type AveragedModelOptions } from './averaged-model.ts';
export {
  type AvgFn,
  getEmaAvgFn,
  getEmaMultiAvgFn,
  getSwaAvgFn,
  getSwaMultiAvgFn,
  type MultiAvgFn,
} from './averaging.ts';
export { SWALR, type SWALROptions } from './swalr.ts';
export { type Inputs, updateBn } from './update-bn.ts';
