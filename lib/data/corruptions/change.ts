import type { Tensor } from '../../tensor/index.ts';
import type { Draws } from './draws.ts';

/** Changes an image (C, H, W), float32 from 0 to 1. What leaves that range is clipped. */
export type Change = (x: Tensor, draws: Draws) => Tensor;
