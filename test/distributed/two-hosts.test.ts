import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dist, tmp } from '../helpers/files.ts';
import { runProgram } from '../helpers/ranks.ts';

// Two network namespaces with a cable between them: two hosts, as far as sockets can tell.
const HOSTS = [0, 1].map((i) => ({
  name: `ibn-${process.pid}-${i}`,
  link: `ibn${process.pid % 100_000}v${i}`,
  address: `10.231.77.${i + 1}`,
}));
const [first, second] = HOSTS as [(typeof HOSTS)[0], (typeof HOSTS)[0]];
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' });
const inside = (name: string) => ['netns', 'exec', name];

const isAllowed = (() => {
  const probe = `ibn-probe-${process.pid}`;
  if (spawnSync('ip', ['netns', 'add', probe]).status !== 0) return false;
  const works = spawnSync('ip', [...inside(probe), 'true']).status === 0;
  spawnSync('ip', ['netns', 'del', probe]);
  return works;
})();

describe.skipIf(!isAllowed)('two hosts (needs leave to make network namespaces: ip netns)', () => {
  beforeAll(() => {
    for (const { name } of HOSTS) ip('netns', 'add', name);
    ip('link', 'add', first.link, 'type', 'veth', 'peer', 'name', second.link);
    for (const { name, link, address } of HOSTS) {
      ip('link', 'set', link, 'netns', name);
      ip(...inside(name), 'ip', 'addr', 'add', `${address}/24`, 'dev', link);
      for (const up of [link, 'lo']) ip(...inside(name), 'ip', 'link', 'set', up, 'up');
    }
  });
  afterAll(() => {
    for (const { name } of HOSTS) spawnSync('ip', ['netns', 'del', name]);
  });

  /** `ibn-net launch` with two ranks on each host. */
  async function launch(source: string) {
    const file = join(tmp(), 'program.mjs');
    const head = `import * as torch from '${pathToFileURL(dist).href}/index.js';
      const { distributed, nn } = torch;
      await distributed.initProcessGroup({ timeout: 60_000 });
      const rank = distributed.getRank();`;
    writeFileSync(file, `${head}\n${source}`);
    return await Promise.all(
      HOSTS.map(({ name, link }, node) => {
        const places = ['--nnodes', '2', '--node-rank', String(node), '--nproc-per-node', '2'];
        const meeting = ['--master-addr', first.address, '--master-port', '29511'];
        const command = [process.execPath, join(dist, 'cli/main.js'), 'launch', ...places, ...meeting, file];
        return runProgram('ip', [...inside(name), ...command], { GLOO_SOCKET_IFNAME: link });
      }),
    );
  }

  it('train together over the network between them', async () => {
    const ended = await launch(`
      const ddp = await nn.parallel.DistributedDataParallel.create(new nn.Linear(2, 1));
      ddp.forward(torch.full([1, 2], rank + 1)).sum().backward();
      const [gradient] = Array.from(ddp.module.weight.grad.data());
      const weights = await distributed.allGatherObject(Array.from(ddp.module.weight.detach().data()));
      const isSame = weights.every((one) => JSON.stringify(one) === JSON.stringify(weights[0]));
      console.log(rank, gradient, isSame);
      await distributed.destroyProcessGroup();`);
    // c10d warns on standard error that the addresses have no names here.
    for (const { code, stderr } of ended) expect(code, stderr).toBe(0);
    const lines = ended.flatMap(({ stdout }) => stdout.trim().split('\n'));
    expect(lines.sort()).toEqual(['0 2.5 true', '1 2.5 true', '2 2.5 true', '3 2.5 true']);
  });

  it('name the rank that fails on the other host', async () => {
    const [here, there] = await launch(`
      await distributed.barrier();
      if (rank === 3) process.kill(process.pid, 'SIGKILL');
      for (;;) await distributed.allReduce(torch.ones([2]));`);
    expect(there?.code).toBe(137);
    expect(here?.code).toBe(1);
    expect(here?.stderr).toMatch(/rank [23] \(host .+\) ended or can no longer be reached/);
  });
});
