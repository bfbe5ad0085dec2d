import { describe, expect, it } from 'vitest';
import { memoryStats, randn, resetPeakMemoryStats, type Tensor } from '../../../lib/tensor/index.ts';
import { compilePlan, rejection, slowNetwork } from '../plan-maker.ts';

describe('a call that is refused', () => {
  it.each(['a full queue', 'an aborted signal'])('makes no copy of its input: %s', async (why) => {
    const model = await compilePlan(() => slowNetwork(60), { maxQueue: 1 });
    const x = randn([64, 64, 56, 56]); // 51 MB
    const small = x.narrow(0, 0, 2);
    const answers = Promise.allSettled([model.run(small), model.run(small), model.run(small)]);
    const options = why === 'a full queue' ? {} : { signal: AbortSignal.abort() };
    const before = memoryStats().cpuBytes;
    resetPeakMemoryStats();
    const refused = rejection(model.run(x, options));
    // The engine may take memory for the small ones meanwhile.
    expect(memoryStats().peakCpuBytes - before).toBeLessThan(x.numel() * 2);
    const { name, code } = (await refused) as Error & { code?: string };
    expect(name === 'AbortError' ? name : code).toBe(
      why === 'a full queue' ? 'ERR_COMPILED_QUEUE_FULL' : 'AbortError',
    );
    for (const answer of await answers) if (answer.status === 'fulfilled') (answer.value as Tensor).dispose();
    model.dispose();
    x.dispose();
  });

  it('gives its place in the queue back', async () => {
    const model = await compilePlan(slowNetwork, { maxQueue: 1 });
    const x = randn([1, 64, 56, 56]);
    for (let round = 0; round < 20; round++) {
      const calls = [model.run(x), model.run(x), model.run(x)];
      const done = (await Promise.allSettled(calls)).filter(({ status }) => status === 'fulfilled');
      expect(done.length).toBeGreaterThanOrEqual(1);
      (await model.run(x)).dispose();
    }
    expect(model.stats().queued).toBe(0);
    model.dispose();
    x.dispose();
  });
});
