import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { writePng } from '../../lib/data/index.ts';
import { full } from '../../lib/tensor/index.ts';
import { dist, tmp } from '../helpers/index.ts';

/** Two classes of one image each, many times: an epoch that no test sees the end of. */
async function writeFolder(): Promise<string> {
  const root = tmp();
  for (const [part, count] of [['train', 3000] as const, ['val', 2] as const]) {
    for (const [at, name] of ['dark', 'light'].entries()) {
      mkdirSync(join(root, part, name), { recursive: true });
      const first = join(root, part, name, '0.png');
      await writePng(full([3, 16, 16], 200 * at, { dtype: 'uint8' }), first);
      for (let i = 1; i < count; i++) copyFileSync(first, join(root, part, name, `${i}.png`));
    }
  }
  return root;
}

/** The command as a terminal starts it: the first of a group of its own. */
function ibnNet(...args: string[]) {
  const child = spawn(process.execPath, [join(dist, 'cli', 'main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, ended, told: () => told };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(20);
}

const childrenOf = ({ pid }: ChildProcess) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);

describe.runIf(process.platform === 'linux')('runs of ibn-net variants in processes of their own', () => {
  it('end with a checkpoint at Ctrl-C, and with the sweep when it is killed', {
    timeout: 60_000,
  }, async () => {
    const [data, output] = [await writeFolder(), join(tmp(), 'sweep')];
    const sweep = () =>
      ibnNet(
        ...['variants', '--data', data, '--output', output, '--variant', 'none', 'b', '--seeds', '1'],
        ...['--jobs', '2', '--quick', '--widths', '4', '4', '4', '4', '--size', '16', '--epochs', '1'],
        ...['--batch-size', '2'],
      );
    const checkpoints = (id: string) => {
      const folder = join(output, 'checkpoints', id);
      return existsSync(folder)
        ? readdirSync(folder).filter((name) => /^checkpoint-\d+/.test(name))
        : undefined;
    };
    const isUnderWay = () => checkpoints('none-0') !== undefined && checkpoints('b-0') !== undefined;

    const stopped = sweep();
    await until(isUnderWay);
    process.kill(-(stopped.child.pid as number), 'SIGINT');
    expect(await stopped.ended).toBe(75);
    expect(stopped.told()).toContain('SIGINT: ending after the step under way');
    expect(checkpoints('none-0')).toHaveLength(1);
    expect(checkpoints('b-0')).toHaveLength(1);

    const killed = sweep();
    await until(() => childrenOf(killed.child).length === 2);
    const runs = childrenOf(killed.child);
    process.kill(killed.child.pid as number, 'SIGKILL');
    await until(() => runs.every((pid) => !existsSync(`/proc/${pid}`)));
    expect(existsSync(join(output, 'runs/none-0.json'))).toBe(false);
  });

  it('end without a word where nobody reads what is printed', { timeout: 60_000 }, async () => {
    const output = join(tmp(), 'sweep');
    mkdirSync(join(output, 'runs'), { recursive: true });
    writeFileSync(join(output, 'form.json'), '{}');
    for (const command of [['variants'], ['reproduce', 'table1']]) {
      const { child, ended, told } = ibnNet(...command, '--output', output, '--report');
      child.stdout.destroy();
      expect([await ended, told()]).toEqual([0, '']);
    }
  });
});
