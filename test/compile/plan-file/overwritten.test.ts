import { describe, expect, it } from 'vitest';
import { runChild, tmp } from '../../helpers/index.ts';

/** Two models of 64 MB whose output is 1 and 2 times the input's sum, and a load during which the file is damaged. */
const PROGRAM = (folder: string, start: string) => `
import fs, { copyFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { compile, loadCompiled, nn, noGrad } = await import(dist + '/index.js');
const [path, other] = ['${folder}/model.ibn', '${folder}/other.ibn'];
const input = ibn.ones([1, 4096, 1, 1]);
for (const [value, file] of [[1, path], [2, other]]) {
  const model = new nn.Sequential(new nn.Conv2d(4096, 4096, 1, { bias: false }));
  noGrad(() => model.parameters().forEach((p) => p.fill_(value / 4096)));
  const fast = await compile(model.eval(), { inputs: [[1, 4096, 1, 1]], threads: 1, keepWeights: true });
  fast.save(file);
  fast.dispose();
}
${start}
try {
  const fast = await loading;
  const output = await fast.run(input);
  console.log(output.min().item(), output.max().item());
  fast.dispose();
} catch (error) {
  console.log(error.code);
}
`;

const LOAD = 'const loading = loadCompiled(path, { threads: 1 });';
/** Once the last byte was read, before anything is packed. */
const WHEN_READ = (damage: string) => `
const { closeSync } = fs;
fs.closeSync = (descriptor) => {
  closeSync(descriptor);
  fs.closeSync = closeSync;
  syncBuiltinESMExports();
  ${damage};
};
syncBuiltinESMExports();
${LOAD}`;

const DAMAGES = {
  truncated: 'truncateSync(path, 0)',
  'cut in half': 'truncateSync(path, 1 << 25)',
  overwritten: 'copyFileSync(other, path)',
  'filled with other bytes': 'writeFileSync(path, Buffer.alloc(1 << 26, 7))',
  deleted: 'rmSync(path)',
};

describe('loadCompiled', () => {
  const cases = Object.entries(DAMAGES);

  it.each(cases)('packs what it has checked from a file that is %s then', async (_, damage) => {
    const { code, signal, stdout, stderr } = await runChild(PROGRAM(tmp(), WHEN_READ(damage)));
    expect({ code, signal, stdout, stderr }).toEqual({ code: 0, signal: null, stdout: '1 1\n', stderr: '' });
  });

  it.each(cases)(
    'reads what was there, or refuses it, from a file that is %s meanwhile',
    async (name, damage) => {
      const { code, signal, stdout, stderr } = await runChild(PROGRAM(tmp(), `${LOAD}\n${damage};`));
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
      // A file that was overwritten before its first byte was read is the other model, whole.
      const outcomes = ['1 1', '2 2', 'ERR_COMPILED_CORRUPT', 'ERR_COMPILED_FILE'];
      expect(name === 'deleted' ? ['1 1'] : outcomes).toContain(stdout.trim());
    },
  );
});
