import { getNumThreads, setNumThreads } from '../../tensor/index.ts';
import type { NetworkRunner } from './network-runner.ts';

/**
 * Several images are decoded at once, and a compiled network has threads of its own: more for preparing one image
 * would only get in their way. Gives what sets the calling thread's number back.
 */
export async function leaveCoresToNetwork(runner: NetworkRunner): Promise<() => void> {
  const { default: sharp } = await import('sharp');
  sharp.concurrency(1);
  const threads = getNumThreads();
  if (runner.kind === 'compiled') setNumThreads(1);
  return () => setNumThreads(threads);
}
