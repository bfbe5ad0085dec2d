import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dist } from '../helpers/files.ts';
import { serve } from './bad-server.ts';
import { BUILDS, NAME, useSetup, WHEEL } from './install-setup.ts';
import { runNode } from './run-node.ts';

const setup = useSetup();
function installInProcess() {
  const options = { builds: BUILDS, site: `${setup.server.url}/whl` };
  const program = `const { installLibtorch } = await import(${JSON.stringify(join(dist, 'libtorch/install/install.js'))});
    const options = ${JSON.stringify(options)};
    const { alreadyThere } = await installLibtorch({ ...options, log: console.error });
    console.log(alreadyThere);`;
  return runNode(['--input-type=module', '-e', program], setup.env);
}

describe('two processes at once', () => {
  it('install once: the second waits and finds it done', async () => {
    setup.server.handlers.set(`/whl/cpu/${NAME}`, (request, response, count) => {
      setTimeout(() => serve(WHEEL)(request, response, count), 1000);
    });
    const runs = await Promise.all([installInProcess(), installInProcess(), installInProcess()]);
    expect(runs.map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(runs.map(({ stdout }) => stdout.trim()).sort()).toEqual(['false', 'true', 'true']);
    expect(runs.filter(({ stderr }) => stderr.includes('waiting for it'))).toHaveLength(2);
    expect(setup.server.seen).toHaveLength(1);
    expect(await readdir(join(setup.cache, 'libtorch'))).toEqual(['2.13.0+cpu']);
  });
});
