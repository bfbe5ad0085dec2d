import { createHash } from 'node:crypto';
import type * as nn from '../../lib/nn/index.ts';
import { manualSeed, noGrad, randn, scope, type Tensor } from '../../lib/tensor/index.ts';
import { elements, fixture, relativeError } from '../nn/numbers.ts';

/** Seeded figures of a published model, made with PyTorch 2.13.0 on an AVX512 machine. */
export interface Reference {
  model: string;
  parameters: number;
  state_dict: [key: string, shape: number[], dtype?: string][];
  init: { sha256_of_all_bytes_in_order: string; sum: Record<string, number> };
  eval: { logits_first16: number[][]; logits_norm: number; argmax: number[] };
  train?: TrainReference;
}

/** Figures of a batch of four, and of three steps of SGD. */
export interface TrainReference {
  logits_first16: number[][];
  grad_norm: Record<string, number>;
  buffer_sum_after_forward: Record<string, number>;
  losses: number[];
}

export const reference = (name: string): Reference => fixture<Reference>(`models/${name}.json`);

/** SHA-256 of every saved tensor's bytes, in order. */
export function weightsHash(model: nn.Module): string {
  const hash = createHash('sha256');
  for (const tensor of model.stateDict().values()) {
    const data = tensor.contiguous().data() as unknown as NodeJS.ArrayBufferView;
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

export const sum = (tensor: Tensor): number => Number(tensor.detach().to('float64').sum().item());
export const norm = (tensor: Tensor): number => Number(tensor.detach().to('float64').norm().item());

/** Relative errors of the evaluation logits: of the first 16 of each row, and of the norm of all. */
export function evalErrors(
  model: nn.Module,
  want: Reference,
): { first16: number; norm: number; argmax: number[] } {
  manualSeed(1);
  return scope(() => {
    const x = randn([2, 3, 224, 224]);
    const logits: Tensor = noGrad(() => model.eval().forward(x));
    const rows = logits.narrow(1, 0, 16);
    return {
      first16: relativeError(elements(rows), want.eval.logits_first16.flat()),
      norm: Math.abs(norm(logits) / want.eval.logits_norm - 1),
      argmax: elements(logits.argmax(1)),
    };
  });
}
