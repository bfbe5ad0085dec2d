import { describe, expect, it } from 'vitest';
import { runRanks } from '../helpers/ranks.ts';

describe('collectives of two ranks', () => {
  it('reduce, gather and scatter as torch does', async () => {
    const [first, second] = await runRanks(
      2,
      `
      const of = (...values) => torch.tensor(values, { dtype: 'float32' });
      const list = (t) => Array.from(t.data(), Number);
      const all = {};
      const { ReduceOp } = distributed;
      for (const [name, op] of Object.entries({ SUM: ReduceOp.SUM, MAX: ReduceOp.MAX, PRODUCT: ReduceOp.PRODUCT, MIN: ReduceOp.MIN })) {
        const t = of(rank + 1, 10);
        await distributed.allReduce(t, { op });
        all[name] = list(t);
      }
      const bits = torch.tensor([rank + 1], { dtype: 'int32' });
      await distributed.allReduce(bits, { op: ReduceOp.BOR });
      all.BOR = list(bits);
      const sent = of(rank, 5);
      await distributed.broadcast(sent, 1);
      all.broadcast = list(sent);
      const reduced = of(rank + 1);
      await distributed.reduce(reduced, 0);
      all.reduce = rank === 0 ? list(reduced) : null;
      const gathered = [of(0), of(0)];
      await distributed.allGather(gathered, of(rank + 7));
      all.allGather = gathered.map(list);
      const into = torch.zeros([4]);
      await distributed.allGatherIntoTensor(into, of(rank, rank + 0.5));
      all.allGatherIntoTensor = list(into);
      const onRoot = rank === 1 ? [of(0), of(0)] : null;
      await distributed.gather(of(rank + 3), onRoot, { dst: 1 });
      all.gather = onRoot?.map(list) ?? null;
      const got = of(0);
      await distributed.scatter(got, rank === 0 ? [of(20), of(21)] : null);
      all.scatter = list(got);
      const part = of(0);
      await distributed.reduceScatter(part, [of(rank), of(rank + 10)]);
      all.reduceScatter = list(part);
      const half = torch.zeros([2]);
      await distributed.reduceScatterTensor(half, of(1, 2, 3, 4));
      all.reduceScatterTensor = list(half);
      const from = [of(0), of(0)];
      await distributed.allToAll(from, [of(rank * 10), of(rank * 10 + 1)]);
      all.allToAll = from.map(list);
      const uneven = torch.zeros([rank === 0 ? 2 : 4]);
      await distributed.allToAllSingle(uneven, of(rank, rank, rank + 0.5), {
        inputSplitSizes: [1, 2], outputSplitSizes: rank === 0 ? [1, 1] : [2, 2] });
      all.allToAllSingle = list(uneven);
      const complex = torch.ops.aten.complex(of(rank), of(1));
      await distributed.allReduce(complex);
      all.complex = list(torch.ops.aten.view_as_real(complex));
      await distributed.barrier();
      await distributed.monitoredBarrier();
      await distributed.destroyProcessGroup();
      report(all);`,
    );
    const shared = {
      SUM: [3, 20],
      MAX: [2, 10],
      PRODUCT: [2, 100],
      MIN: [1, 10],
      BOR: [3],
      broadcast: [1, 5],
      allGather: [[7], [8]],
      allGatherIntoTensor: [0, 0.5, 1, 1.5],
      complex: [1, 2],
    };
    expect(first).toEqual({
      ...shared,
      reduce: [3],
      gather: null,
      scatter: [20],
      reduceScatter: [1],
      reduceScatterTensor: [2, 4],
      allToAll: [[0], [10]],
      allToAllSingle: [0, 1],
    });
    expect(second).toEqual({
      ...shared,
      reduce: null,
      gather: [[3], [4]],
      scatter: [21],
      reduceScatter: [21],
      reduceScatterTensor: [6, 8],
      allToAll: [[1], [11]],
      allToAllSingle: [0, 0.5, 1, 1.5],
    });
  });

  it('send messages, objects, and tell where they come from', async () => {
    const [first, second] = await runRanks(
      2,
      `
      const t = torch.full([2], rank + 1);
      const other = 1 - rank;
      const received = torch.zeros([2]);
      const works = [distributed.isend(t, other, { tag: 3 }), distributed.irecv(received, other, { tag: 3 })];
      await Promise.all(works.map((work) => work.wait()));
      const any = torch.zeros([1]);
      let source = null;
      if (rank === 0) source = await distributed.recv(any); else await distributed.send(torch.ones([1]), 0);
      const objects = rank === 1 ? [{ lr: 0.1, name: 'é' }, [1, null, true]] : [null, null];
      await distributed.broadcastObjectList(objects, { src: 1 });
      const gathered = await distributed.allGatherObject({ rank, text: 'x'.repeat(rank * 300) });
      report({ received: Array.from(received.data()), done: works.map((w) => w.isCompleted()), source, objects,
        lengths: gathered.map(({ text }) => text.length), from: works[1].sourceRank() });`,
    );
    const objects = [{ lr: 0.1, name: 'é' }, [1, null, true]];
    const shared = { done: [true, true], objects, lengths: [0, 300] };
    expect(first).toEqual({ ...shared, received: [2, 2], source: 1, from: 1 });
    expect(second).toEqual({ ...shared, received: [1, 1], source: null, from: 0 });
  });

  it('leave the event loop alone while they wait', async () => {
    const [first] = await runRanks(
      2,
      `
      if (rank === 1) await new Promise((resolve) => setTimeout(resolve, 400));
      let turns = 0;
      const timer = setInterval(() => turns++, 5);
      const t = torch.ones([3]);
      await distributed.allReduce(t);
      clearInterval(timer);
      report({ turns, t: Array.from(t.data()) });`,
    );
    const { turns, t } = first as { turns: number; t: number[] };
    expect(t).toEqual([2, 2, 2]);
    expect(turns).toBeGreaterThan(10);
  });

  it('run in groups of some ranks', async () => {
    const reports = await runRanks(
      3,
      `
      const outer = await distributed.newGroup([2, 0]);
      const single = await distributed.newGroup([1]);
      const t = torch.tensor([rank + 1]);
      if (outer !== null) await distributed.allReduce(t, { group: outer });
      const root = torch.tensor([rank]);
      if (outer !== null) await distributed.broadcast(root, 2, { group: outer });
      report({ t: Number(t.item()), root: Number(root.item()), rank: distributed.getRank(outer), size: distributed.getWorldSize(outer),
        single: single === null, ranks: outer && distributed.getProcessGroupRanks(outer) });
      await distributed.destroyProcessGroup();`,
    );
    expect(reports).toEqual([
      { t: 4, root: 2, rank: 0, size: 2, single: true, ranks: [0, 2] },
      { t: 2, root: 1, rank: -1, size: -1, single: false, ranks: null },
      { t: 4, root: 2, rank: 1, size: 2, single: true, ranks: [0, 2] },
    ]);
  });
});
