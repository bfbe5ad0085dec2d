import { describe, expect, it } from 'vitest';
import { runChild } from '../helpers/index.ts';

/** What a program of the built package prints; `ibn` is the package. */
async function printed(source: string): Promise<string> {
  const program = `const ibn = await import(dist + '/index.js');\nconst { autograd, tensor, ones } = ibn;\n${source}`;
  const { code, signal, stdout, stderr } = await runChild(program, { layer: false });
  return [stdout.trim(), stderr.trim(), code === 0 ? '' : `exit ${code ?? signal}`]
    .filter(Boolean)
    .join('\n');
}

/** The same in a worker, which `end` ends from outside when it posts. */
const inWorker = (source: string): string => `
  const { Worker } = await import('node:worker_threads');
  const text = \`
    import { parentPort } from 'node:worker_threads';
    const ibn = await import('\${dist}/index.js');
    const { autograd, tensor, ones } = ibn;
    ${source.replaceAll('`', '\\`').replaceAll('${', '\\${')}\`;
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(text)));
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
  }
  console.log('ended');`;

const graph = `
  class Twice extends autograd.Function {
    static forward(ctx, x) { ctx.saveForBackward(x); ctx.x = x; return x.mul(2); }
    static backward(ctx, g) { return g.mul(2); }
  }
  const x = ones([1000]).requiresGrad_();
  x.registerHook((g) => g);
  x.registerPostAccumulateGradHook(() => {});
  const y = ibn.utils.checkpoint.checkpoint((v) => Twice.apply(v.exp()), x, { useReentrant: false });
  globalThis.alive = [x, y];`;

describe('the end of a thread or process', () => {
  it('leaves a graph with hooks and functions behind', async () => {
    expect(await printed(graph)).toBe('');
    expect(await printed(inWorker(`${graph} parentPort.postMessage(1); setInterval(() => {}, 1000);`))).toBe(
      'ended',
    );
    expect(await printed(inWorker(`${graph} y.sum().backward(); parentPort.postMessage(1);`))).toBe('ended');
  });

  it('may come in a hook', async () => {
    expect(
      await printed(
        `const x = ones([2]).requiresGrad_(); x.registerHook(() => process.exit(0)); x.sum().backward();`,
      ),
    ).toBe('');
    const endless = `
      const x = ones([2]).requiresGrad_();
      x.registerHook(() => { parentPort.postMessage(1); for (;;) ones([10]); });
      x.sum().backward();`;
    expect(await printed(inWorker(endless))).toBe('ended');
    const deep = `
      const x = ones([2]).requiresGrad_();
      let depth = 0;
      const dive = () => {
        const y = x.mul(2);
        y.registerHook(() => {
          if (++depth < 80) ibn.enableGrad(dive);
          parentPort.postMessage(1);
          for (;;) ones([10]);
        });
        y.sum().backward();
      };
      dive();`;
    expect(await printed(inWorker(deep))).toBe('ended');
  });

  it('is not brought about by endless backward passes inside one another', async () => {
    const source = `
      const x = ones([2]).requiresGrad_();
      const dive = () => {
        const y = x.mul(2);
        y.registerHook(() => ibn.enableGrad(dive));
        y.sum().backward();
      };
      try { dive(); } catch (error) { console.log(error.name); }
      x.sum().backward();
      console.log(x.grad.toArray());`;
    expect(await printed(source)).toBe('RangeError\n[ 1, 1 ]');
  });
});

describe('several threads at once', () => {
  it('each run their own hooks and functions', async () => {
    const source = `
      const { Worker } = await import('node:worker_threads');
      const text = \`
        import { parentPort, threadId } from 'node:worker_threads';
        const ibn = await import('\${dist}/index.js');
        const { autograd, tensor } = ibn;
        class Scale extends autograd.Function {
          static forward(ctx, x) { ctx.saveForBackward(x); return x.mul(threadId); }
          static backward(ctx, g) { return g.mul(threadId); }
        }
        let calls = 0;
        let right = true;
        for (let i = 0; i < 200; i++) {
          const x = tensor([i], { requiresGrad: true });
          x.registerHook((g) => { calls++; return g.add(1); });
          Scale.apply(x).sum().backward();
          right &&= x.grad.item() === threadId + 1;
        }
        parentPort.postMessage(right ? calls : -1);\`;
      const workers = Array.from({ length: 3 }, () => new Worker(new URL('data:text/javascript,' + encodeURIComponent(text))));
      const results = await Promise.all(workers.map((w) => new Promise((resolve, reject) => w.once('message', resolve).once('error', reject))));
      console.log(results.join());`;
    expect(await printed(source)).toBe('200,200,200');
  });
});
