/** torch.amp: mixed precision. */
export {
  type AutocastOptions,
  autocast,
  clearAutocastCache,
  getAutocastDtype,
  isAutocastAvailable,
  isAutocastCacheEnabled,
  isAutocastEnabled,
} from './autocast.ts';
export { GradScaler, type GradScalerOptions, type Outputs } from './grad-scaler.ts';
export type { GradScalerState } from './scaler-state.ts';
