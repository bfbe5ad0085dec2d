import { it } from 'vitest';
import { cudaInfo } from '../../lib/tensor/index.ts';

/** Why a cuda test was skipped; one constant text, so that reports can be searched for it. */
export const cudaSkipReason = 'no CUDA device';

/** One test per device. Without a GPU the cuda one is skipped; with REQUIRE_CUDA=1 it fails. */
export function forEachDevice(title: string, body: (device: string) => void | Promise<void>): void {
  it(`${title} (cpu)`, () => body('cpu'));
  itOnCuda(title, () => body('cuda'));
}

/** A test that needs a GPU: skipped without one, and with REQUIRE_CUDA=1 a failure. */
export function itOnCuda(title: string, body: () => void | Promise<void>): void {
  it(`${title} (cuda)`, (context) => {
    const { reason } = cudaInfo();
    if (reason === null) return body();
    if (process.env.REQUIRE_CUDA === '1') throw new Error(`REQUIRE_CUDA=1, but ${reason}`);
    context.skip(cudaSkipReason);
  });
}
