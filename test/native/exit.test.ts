import { describe, expect, it } from 'vitest';
import { runChild } from '../helpers/index.ts';

interface Case {
  source: string;
  code: number;
  /** What stderr must contain; nothing else may be there. */
  stderr?: string;
}

const cases: Record<string, Case> = {
  'with nothing done': { source: '', code: 0 },
  'with live tensors': { source: 'globalThis.x = ibn.ones([1000, 1000]);', code: 0 },
  'with process.exit and live tensors': {
    source: 'globalThis.x = ibn.ones([1000]); process.exit(7);',
    code: 7,
  },
  'in the middle of a scope': { source: 'ibn.scope(() => { ibn.ones([3]); process.exit(7); });', code: 7 },
  'inside noGrad': { source: 'ibn.noGrad(() => process.exit(7));', code: 7 },
  'inside inferenceMode': {
    source: 'ibn.inferenceMode(() => { ibn.ones([3]); process.exit(7); });',
    code: 7,
  },
  'with a graph and gradients alive': {
    source: `globalThis.w = ibn.ones([10], { requiresGrad: true });
      globalThis.y = w.exp().sum(); y.backward(null, { retainGraph: true });`,
    code: 0,
  },
  'after an uncaught exception in a scope': {
    source: 'ibn.scope(() => { ibn.ones([3]); throw new Error("thrown in scope"); });',
    code: 1,
    stderr: 'thrown in scope',
  },
  'after an uncaught libtorch error': {
    source: 'ibn.ones([2]).reshape([3]);',
    code: 1,
    stderr: "shape '[3]' is invalid for input of size 2",
  },
  'after an unhandled rejection': {
    source: 'Promise.resolve().then(() => ibn.ones([2]).reshape([3]));',
    code: 1,
    stderr: 'is invalid',
  },
  'with buffers shared both ways': {
    source: `globalThis.x = ibn.fromBuffer(new Float32Array(1e6));
      globalThis.bytes = ibn.ones([1e6]).untypedStorage().bytes();`,
    code: 0,
  },
  'with a worker at work': {
    source: `const { Worker } = await import('node:worker_threads');
      const source = 'const ibn = await import("' + dist + '/tensor/index.js"); for (;;) ibn.ones([100]).exp();';
      new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)));
      setTimeout(() => process.exit(7), 600);`,
    code: 7,
  },
  'by a worker': {
    source: `const { Worker } = await import('node:worker_threads');
      const source = 'const ibn = await import("' + dist + '/tensor/index.js"); ibn.ones([9]); process.exit(5);';
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)));
      worker.on('exit', (code) => { process.exitCode = code; });`,
    code: 5,
  },
  'from an exit handler that uses tensors': {
    source: `const x = ibn.ones([3]); process.on('exit', () => console.log(x.sum().item()));`,
    code: 0,
  },
  'after many threads computed': {
    source: 'ibn.setNumThreads(4); ibn.ones([512, 512]).matmul(ibn.ones([512, 512])); process.exit(7);',
    code: 7,
  },
  'by a signal handler': {
    source: `process.on('SIGTERM', () => process.exit(7)); ibn.ones([9]); process.kill(process.pid, 'SIGTERM');
      setInterval(() => {}, 1000);`,
    code: 7,
  },
};

describe('the process exits cleanly', () => {
  it.each(Object.keys(cases))('%s', async (name) => {
    const { source, code, stderr = '' } = cases[name] as Case;
    const result = await runChild(source, { timeout: 20_000 });
    expect({ code: result.code, signal: result.signal }).toEqual({ code, signal: null });
    if (stderr === '') expect(result.stderr).toBe('');
    else expect(result.stderr).toContain(stderr);
  });
});
