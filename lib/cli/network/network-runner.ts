import { CompileError, compile, type RunOptions } from '../../compile/index.ts';
import type * as nn from '../../nn/index.ts';
import { type Device, type DType, inferenceMode, scope, type Tensor } from '../../tensor/index.ts';

/** A network that gives logits for a batch. */
export type ImageNetwork = nn.Module & { forward(x: Tensor): Tensor };

/** How a network is run. */
export interface RunnerOptions {
  readonly device: Device;
  readonly dtype: DType;
  /** Of one prepared image, (C, H, W). */
  readonly image: readonly number[];
  /** How a compiled network takes calls. */
  readonly run?: RunOptions | undefined;
}

/** Runs a network in evaluation mode. */
export interface NetworkRunner {
  /** `compiled` runs on threads of its own; `eager` op by op on the calling one. */
  readonly kind: 'compiled' | 'eager';
  /** Why the network is not compiled, where that was tried. */
  readonly refusal?: string;
  /** Logits (N, classes), float32 on the CPU, of a float32 batch (N, C, H, W) on the CPU. */
  run(batch: Tensor, options?: { signal?: AbortSignal | undefined }): Promise<Tensor>;
  /** Ends the threads of a compiled network once its calls have ended. */
  close?(): Promise<void>;
  /** Counts of a compiled network. */
  stats?(): { readonly batches: number; readonly images: number };
}

/** Compiles a network on the CPU. Elsewhere, and where `compile` refuses it, it runs op by op, and `refusal` says why. */
export async function networkRunner(model: ImageNetwork, options: RunnerOptions): Promise<NetworkRunner> {
  if (options.device !== 'cpu') return eagerRunner(model, options);
  try {
    return await compiledRunner(model, options);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return { ...eagerRunner(model, options), refusal: error.message };
  }
}

async function compiledRunner(
  model: ImageNetwork,
  { dtype, image, run }: RunnerOptions,
): Promise<NetworkRunner> {
  const fast = await compile(model, { inputs: [[1, ...image]], dtype: dtype as 'float32', ...run });
  return {
    kind: 'compiled',
    run: (batch, options) => fast.run(batch, options),
    close: () => fast.close(),
    stats: () => fast.stats(),
  };
}

function eagerRunner(model: ImageNetwork, { device, dtype }: RunnerOptions): NetworkRunner {
  const forward = (batch: Tensor) =>
    scope(() =>
      inferenceMode(() => model.forward(batch.to({ device, dtype })).to({ device: 'cpu', dtype: 'float32' })),
    );
  return { kind: 'eager', run: async (batch) => forward(batch) };
}
