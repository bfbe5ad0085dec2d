import { describe, expect, it } from 'vitest';
import { ones, tensor } from '../../lib/tensor/index.ts';
import { errorOf, runChild } from '../helpers/index.ts';
import { expectSaid } from './attack.ts';

const bad: [string, () => unknown][] = [
  ['a shape', () => ones([2]).reshape([3])],
  ['a broadcast', () => ones([2]).add(ones([3]))],
  ['an index', () => tensor([1]).select(0, 5)],
  ['a device', () => ones([1]).to({ device: 'cuda:99' })],
];

describe("errors of libtorch's", () => {
  it.each(bad)('carry no path or address: %s', (_, run) => {
    const error = errorOf(run);
    expect(`${error.message}\n${String(error.cause)}`).not.toMatch(/frame #|0x[0-9a-f]{6}|\.so\b|node\(/);
  });

  it('carry frames when they are asked for', async () => {
    const source = 'try { ibn.ones([2]).reshape([3]); } catch (error) { console.log(error.cause); }';
    const { stdout } = await runChild(source, { env: { TORCH_SHOW_CPP_STACKTRACES: '1' } });
    expect(stdout).toMatch(/^shape '\[3\]' is invalid/);
    expect(stdout).toContain('frame #');
  });
});

describe('memory that is not there', () => {
  // The sanitizer maps terabytes of its own.
  it.skipIf(process.env.IBN_NET_SANITIZE === '1')(
    'is an error for ArrayBuffers, and the process lives',
    async () => {
      const huge = `
      const x = op('empty', 'memory_format')([2 ** 33], 'uint8');
      const codes = [() => binding.readBytes(x), () => binding.storageCopy(binding.storageOfTensor(x), 0, 2 ** 33)]
        .map((run) => { try { run(); return 'made'; } catch (error) { return error.code; } });
      say(codes, busy());`;
      await expectSaid(huge, ['["ERR_OUT_OF_MEMORY","ERR_OUT_OF_MEMORY"] [77,88,99]'], {
        addressSpace: 2 ** 24,
      });
    },
  );

  it('is not taken for lists that only claim to be long', async () => {
    await expectSaid(
      `const claim = (n) => { const list = []; list.length = n; return list; };
       say(attempt(() => op('zeros')(claim(2 ** 32 - 1))).slice(0, 30));
       say(attempt(() => op('cat')(claim(2 ** 32 - 1), 0)).slice(0, 30));
       say(attempt(() => binding.fromCopy(new Uint8Array(1), 'uint8', claim(2 ** 32 - 1))).slice(0, 30));`,
      [
        '"TypeError: Expected an integer"',
        '"TypeError: Expected a Tensor f"',
        '"TypeError: Expected an integer"',
      ],
    );
  });
});
