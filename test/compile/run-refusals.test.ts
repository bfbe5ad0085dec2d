import { describe, expect, it } from 'vitest';
import { randn, scope, type Tensor } from '../../lib/tensor/index.ts';
import { compilePlan, rejection, slowNetwork } from './plan-maker.ts';

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1] as number;
}

function milliseconds(rounds: number, work: () => void): number {
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return median(times);
}

describe('a call that is refused', () => {
  it.each(['a full queue', 'an aborted signal'])('costs no copy of its input: %s', async (why) => {
    const model = await compilePlan(() => slowNetwork(60), { maxQueue: 1 });
    const x = randn([64, 64, 56, 56]);
    const small = x.narrow(0, 0, 8);
    const answers = Promise.allSettled([model.run(small), model.run(small), model.run(small)]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const options = why === 'a full queue' ? {} : { signal: AbortSignal.abort() };
    const refused: Promise<Error & { code?: string }>[] = [];
    const refusal = milliseconds(50, () => refused.push(rejection(model.run(x, options))));
    const copy = milliseconds(5, () => scope(() => void x.clone()));
    const names = new Set(
      (await Promise.all(refused)).map(({ name, code }) => (name === 'AbortError' ? name : code)),
    );
    expect([...names]).toEqual([why === 'a full queue' ? 'ERR_COMPILED_QUEUE_FULL' : 'AbortError']);
    expect(refusal).toBeLessThan(copy / 4);
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
