import { describe, expect, it } from 'vitest';
import { runRanksToTheEnd } from '../helpers/ranks.ts';

/** What a rank said of the error that ended its work. */
const lines = (text: string): string => text.trim().split('\n').at(-1) as string;

describe('a rank that fails', () => {
  it('ends the others at once, with an error that names it', async () => {
    const [first, second, third] = await runRanksToTheEnd(
      3,
      `
      await distributed.allReduce(torch.ones([2]));
      if (rank === 1) process.kill(process.pid, 'SIGKILL');
      try { for (;;) await distributed.allReduce(torch.ones([2])); }
      catch (error) { report({ message: error.message, code: error.code, hasCause: error.cause !== undefined }); }`,
    );
    expect(second?.signal).toBe('SIGKILL');
    for (const rank of [first, third]) {
      const { message, code } = JSON.parse(lines(rank?.stdout ?? ''));
      expect(message).toMatch(/^rank 1 \(host .+\) ended or can no longer be reached/);
      expect(code).toBe('ERR_DISTRIBUTED_PEER');
    }
  });

  it('is named where it only hangs, when the time has passed', async () => {
    const [first, second, third] = await runRanksToTheEnd(
      3,
      `
      if (rank === 2) { await new Promise((resolve) => setTimeout(resolve, 9000)); process.exit(0); }
      try { await distributed.allReduce(torch.ones([2]), { timeout: 1000 }); }
      catch (error) { report(error.message); }
      if (rank === 0) await new Promise((resolve) => setTimeout(resolve, 6000));`,
    );
    expect(third?.code).toBe(0);
    for (const rank of [first, second])
      expect(lines(rank?.stdout ?? '')).toMatch(/rank 2 \(host .+\) (did not take part|ended)/);
  });

  it('is named in backward too', async () => {
    const [first] = await runRanksToTheEnd(
      2,
      `
      const ddp = new nn.parallel.DistributedDataParallel(new nn.Linear(2, 1));
      ddp.forward(torch.ones([1, 2])).sum().backward();
      if (rank === 1) process.kill(process.pid, 'SIGKILL');
      try { for (;;) ddp.forward(torch.ones([1, 2])).sum().backward(); }
      catch (error) { report(error.message); }`,
    );
    expect(lines(first?.stdout ?? '')).toMatch(/rank 1 \(host .+\) ended or can no longer be reached/);
  });

  it('that never comes is named when the time has passed', async () => {
    const [first] = await runRanksToTheEnd(
      1,
      `
      await distributed.destroyProcessGroup();
      try { await distributed.initProcessGroup({ initMethod: 'tcp://127.0.0.1:' + (Number(process.env.MASTER_PORT)), rank: 0, worldSize: 2, timeout: 1500 }); }
      catch (error) { report(error.message); }`,
    );
    expect(lines(first?.stdout ?? '')).toMatch(/rank 1 did not join the group before the timeout/);
  });
});

describe('a process with a group', () => {
  it('exits by itself when its work is done', async () => {
    const ranks = await runRanksToTheEnd(
      2,
      `
      await distributed.allReduce(torch.ones([1]));
      new nn.parallel.DistributedDataParallel(new nn.Linear(1, 1));
      report('done');`,
    );
    for (const { code, stderr } of ranks) expect([code, stderr]).toEqual([0, '']);
  });

  it('refuses collectives beside an exchange of objects, after its end, and before its beginning', async () => {
    const [first] = await runRanksToTheEnd(
      1,
      `
      const messages = [];
      const objects = distributed.allGatherObject(1);
      await distributed.barrier().catch((error) => messages.push(error.message));
      await objects;
      const group = await distributed.newGroup();
      await distributed.destroyProcessGroup();
      for (const call of [() => distributed.barrier(), () => distributed.getRank(), () => distributed.initProcessGroup({ backend: 'nccl' }),
        () => distributed.initProcessGroup({ initMethod: 'http://x' }), () => distributed.initProcessGroup({ rank: 3, worldSize: 2 })])
        await (async () => call())().catch((error) => messages.push(error.message));
      report(messages);`,
    );
    expect(JSON.parse(lines(first?.stdout ?? ''))).toMatchInlineSnapshot(`
      [
        "barrier: allGatherObject is under way on the process group. Await it first: it is made of several collectives, and all ranks must begin theirs in one order",
        "The default process group is not there. Call and await distributed.initProcessGroup() first",
        "The default process group is not there. Call and await distributed.initProcessGroup() first",
        "The backend "nccl" is not there: this package builds against the CPU headers of libtorch, which lack it. Use "gloo", which takes tensors on CUDA devices too",
        "Expected worldSize, an integer of at least 1, for initProcessGroup with "http://x", got none",
        "Expected an integer from 0 to 1 for initProcessGroup rank, got 3",
      ]
    `);
  });
});
