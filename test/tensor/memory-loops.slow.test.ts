import { describe, expect, it } from 'vitest';
import { locateLibtorch } from '../../lib/libtorch/find/locate.ts';
import { runChild } from '../helpers/index.ts';

const GIGABYTE = 1e9;

// What a CUDA build's libraries take besides, before the first tensor, is no tensor's.
const isCpuBuild = locateLibtorch().flavour === 'cpu';

/** Runs `loop` in a process of its own: its resident peak in bytes, with libtorch's libraries if they are the CPU's. */
async function peakOf(loop: string): Promise<{ peak: number; done: number }> {
  const { code, stdout, stderr } = await runChild(`
    import { readFileSync } from 'node:fs';
    let done = 0;
    const resident = () => 1024 * Number(/VmRSS:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
    const loaded = ${isCpuBuild} ? 0 : (ibn.ones([1]), resident());
    ${loop}
    // maxRSS counts the parent's memory from before exec; Linux has this process's own peak.
    const own = process.platform === 'linux' && /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
    const kilobytes = own ? Number(own[1]) : process.resourceUsage().maxRSS;
    console.log(JSON.stringify({ peak: kilobytes * 1024 - loaded, done }));
  `);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as { peak: number; done: number };
}

const temporary = 'const x = ibn.ones([10_000_000]); done++;';
const loops: Record<string, string> = {
  'a synchronous loop': `for (let i = 0; i < 1000; i++) { ${temporary} }`,
  'a loop that awaits null': `for (let i = 0; i < 1000; i++) { ${temporary} await null; }`,
  'a loop that awaits setImmediate': `
    for (let i = 0; i < 1000; i++) { ${temporary} await new Promise((resolve) => setImmediate(resolve)); }`,
};

// 10 layers keep 10 MB each for backward; JavaScript holds only the last, small result.
const forward = `
  const weight = ibn.ones([1], { requiresGrad: true });
  const input = ibn.ones([2_500_000]);
  const forward = () => {
    let x = input.mul(weight);
    for (let layer = 0; layer < 10; layer++) x = x.relu();
    return x.sum();
  };`;
const others: Record<string, string> = {
  'disposed temporaries': `for (let i = 0; i < 200; i++) { ${temporary} x.dispose(); }`,
  'temporaries seen through views': `
    for (let i = 0; i < 200; i++) { const x = ibn.ones([10_000_000]).view([10, -1]).t(); done++; }`,
  'temporaries in a worker': `
    const { Worker } = await import('node:worker_threads');
    const source = \`const ibn = await import('\${dist}/tensor/index.js');
      for (let i = 0; i < 200; i++) ibn.ones([10_000_000]);\`;
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)));
    await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));`,
  'forward passes whose graphs are never used': `${forward}
    for (let i = 0; i < 60; i++) { forward(); done++; }`,
  'forward passes in scopes, with only the losses in JavaScript': `${forward}
    for (let i = 0; i < 60; i++) { const loss = ibn.scope(forward); done++; }`,
  'training steps': `${forward}
    for (let i = 0; i < 60; i++) { ibn.scope(forward).backward(); weight.grad = null; done++; }`,
};

describe('memory stays bounded without any care', () => {
  it.each(Object.keys(loops))('1,000 temporaries of 40 MB stay under 1 GB in %s', async (name) => {
    const { peak, done } = await peakOf(loops[name] as string);
    console.log(`peak of ${name}: ${(peak / 1e6).toFixed(0)} MB`);
    expect(done).toBe(1000);
    expect(peak).toBeLessThan(GIGABYTE);
  });

  it.each(Object.keys(others))('a loop stays under 1 GB: %s', async (name) => {
    const { peak } = await peakOf(others[name] as string);
    console.log(`peak of ${name}: ${(peak / 1e6).toFixed(0)} MB`);
    expect(peak).toBeLessThan(GIGABYTE);
  });
});
