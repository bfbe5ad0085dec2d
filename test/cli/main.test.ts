import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dist } from '../helpers/files.ts';
import { runNode } from '../libtorch/run-node.ts';

const ibnNet = (...args: string[]) => runNode([join(dist, 'cli', 'main.js'), ...args], process.env);

describe('the command line', () => {
  it.each([
    ['classify', '--modle', '--model', ['x.jpg', 'resnet18_ibn_a']],
    ['classify', '--chekpoint', '--checkpoint', ['x.jpg', 'x.pth']],
    ['evaluate', '--robustnes', '--robustness', ['data']],
    ['evaluate', '--corruption', '--corruptions', ['data']],
    ['inspect', '--stat', '--stats', ['x.pth']],
    ['convert', '--strip-prefx', '--strip-prefix', ['module.', 'x.pth', 'y.pth']],
    ['info', '--jsn', '--json', []],
    ['doctor', '--jso', '--json', []],
    ['install-libtorch', '--form', '--from', ['x.zip']],
    ['build', '--job', '--jobs', ['3']],
  ])('names the typo: %s %s', async (command, typo, option, args) => {
    const { status, stdout, stderr } = await ibnNet(command, typo, ...args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`unknown option '${typo}'\n(Did you mean ${option}?)`);
  });

  it('names the command that was meant', async () => {
    const { status, stderr } = await ibnNet('clasify', 'x.jpg');
    expect([status, stderr.split('\n').slice(0, 2)]).toEqual([
      1,
      ["error: unknown command 'clasify'", '(Did you mean classify?)'],
    ]);
  });

  it('prints the message of a failure alone, and its stack with DEBUG', async () => {
    const args = [join(dist, 'cli', 'main.js'), 'inspect', 'no-such-file.pth'];
    const plain = await runNode(args, process.env);
    expect([plain.status, plain.stderr.trim().split('\n').length]).toEqual([1, 1]);
    expect(plain.stderr).toContain('no-such-file.pth: could not be read');
    expect((await runNode(args, { ...process.env, DEBUG: '1' })).stderr).toMatch(/\n +at /);
  });
});
