import { describe, expect, it } from 'vitest';
import { runChild } from '../../helpers/index.ts';

/** Models of 36 MB each, of which one is needed at a time; prints the process's peak in MB. */
const PROGRAM = `
import { readFileSync } from 'node:fs';
const { compile, nn } = await import(dist + '/index.js');
const network = new nn.Sequential(new nn.Conv2d(3072, 3072, 1, { bias: false })).eval();
const input = ibn.ones([1, 3072, 1, 1]);
for (let i = 0; i < 40; i++) {
  const fast = await compile(network, { inputs: [[1, 3072, 1, 1]], threads: 1 });
  (await fast.run(input)).dispose();
}
console.log(Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) >> 10);
`;

describe.runIf(process.platform === 'linux')('compiled models that are forgotten', () => {
  it('count towards garbage collection with what the engine holds', async () => {
    const { code, stdout, stderr } = await runChild(PROGRAM);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // All forty would be 1,440 MB, Node and libtorch 200.
    expect(Number(stdout)).toBeLessThan(800);
  });
});
