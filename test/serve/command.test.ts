import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isLoopback } from '../../lib/cli/serve/run-server.ts';
import { dist, root, tmp } from '../helpers/index.ts';
import { JPEG, PATIENT, PNG_TYPE, SHIRT } from './helpers.ts';

const CHECKPOINT = join(root, 'assets/fashion-mnist-resnet-ibn-a.pth');

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly exit: Promise<number | null>;
  readonly output: { stdout: string; stderr: string };
}

/** The command, when it listens. */
async function start(args: readonly string[], env: Record<string, string> = {}): Promise<Running> {
  const child = spawn(process.execPath, [join(dist, 'cli/main.js'), 'serve', '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stderr.on('data', (text) => {
    output.stderr += text;
  });
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      output.stdout += `${line}\n`;
      const [, found] = /^Listening on (\S+)$/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
    exit.then(() => reject(new Error(output.stderr)));
  });
  return { child, url, exit, output };
}

/** What a caller on a connection that is kept alive got: a status, or how the connection failed. */
function ask(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const call = request(
      `${url}/classify?top=1`,
      { method: 'POST', headers: PNG_TYPE, agent },
      (response) => {
        response.resume().on('end', () => resolve(String(response.statusCode)));
      },
    );
    // A new connection that is refused, or reset before the server accepts it, was never a request of the server's.
    call.on('error', (error: Error) => resolve(call.reusedSocket ? error.message : 'not taken'));
    call.end(SHIRT);
  });
}

/** What callers who never pause are answered while `work` goes on. */
async function answersDuring(url: string, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const agent = new Agent({ keepAlive: true });
  const counts: Record<string, number> = {};
  let isRunning = true;
  const callers = Array.from({ length: 8 }, async () => {
    while (isRunning) {
      const answer = await ask(url, agent);
      counts[answer] = (counts[answer] ?? 0) + 1;
      if (answer === 'not taken') return;
    }
  });
  await expect.poll(() => counts['200'] ?? 0, PATIENT).toBeGreaterThan(20);
  await work();
  isRunning = false;
  await Promise.all(callers);
  agent.destroy();
  return counts;
}

describe('ibn-net serve', () => {
  it('loses no request while it loads the model again, by signal and by request', async () => {
    const { child, url, output, exit } = await start(['--checkpoint', CHECKPOINT]);
    const counts = await answersDuring(url, async () => {
      for (let i = 1; i <= 3; i++) {
        child.kill('SIGHUP');
        await expect.poll(() => output.stdout.split('Loaded the model again').length - 1, PATIENT).toBe(i);
      }
      await fetch(`${url}/reload`, { method: 'POST' });
    });
    expect(Object.keys(counts)).toEqual(['200']);
    expect(await (await fetch(`${url}/model`)).json()).toMatchObject({ reloads: 4 });
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
    expect(output.stderr).toBe('SIGTERM: answering what was asked; once more ends at once\n');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('answers all that it took before it ends by %s', async (signal) => {
    const { child, url, exit } = await start(['--checkpoint', CHECKPOINT]);
    const counts = await answersDuring(url, async () => {
      child.kill(signal);
      expect(await exit).toBe(0);
    });
    expect(Object.keys(counts).sort()).toEqual(['200', 'not taken']);
  });

  it('keeps the model that is there where the file is damaged, and says why', async () => {
    const file = join(tmp(), 'model.pth');
    copyFileSync(CHECKPOINT, file);
    const { child, url, output } = await start(['--checkpoint', file]);
    writeFileSync(file, 'no checkpoint');
    child.kill('SIGHUP');
    await expect.poll(() => output.stderr, PATIENT).toMatch(/^Kept the model that was there: .*model\.pth/);
    const answer = await fetch(`${url}/classify`, {
      method: 'POST',
      body: new Uint8Array(JPEG),
      headers: PNG_TYPE,
    });
    expect(answer.status).toBe(200);
  });

  it('asks for the token of the environment or of a file', async () => {
    const file = join(tmp(), 'token');
    writeFileSync(file, 'a-token-in-a-file-here\n');
    const { url } = await start(['--checkpoint', CHECKPOINT, '--token-file', file, '--host', '0.0.0.0']);
    const port = new URL(url).port;
    const model = (token: string) =>
      fetch(`http://127.0.0.1:${port}/model`, { headers: { authorization: `Bearer ${token}` } });
    expect((await model('another-token-than-it')).status).toBe(401);
    expect((await model('a-token-in-a-file-here')).status).toBe(200);
  });

  it('says plainly that others can reach it without a token', async () => {
    const { output } = await start(['--checkpoint', CHECKPOINT, '--host', '0.0.0.0'], { IBN_NET_TOKEN: '' });
    await expect
      .poll(() => output.stderr, PATIENT)
      .toBe(
        'Whoever reaches this machine may use the server: it listens on 0.0.0.0 and asks for no token. ' +
          'Give it one with --token-file or IBN_NET_TOKEN.\n',
      );
    expect(['localhost', '127.0.0.1', '127.1.2.3', '::1'].every(isLoopback)).toBe(true);
    expect(['0.0.0.0', '::', '192.168.1.2', 'example.com'].some(isLoopback)).toBe(false);
  });

  it.each([
    [[], 'Expected --checkpoint FILE, or --model NAME with --pretrained, got neither'],
    [['--checkpoint', 'a', '--pretrained'], 'Expected --checkpoint or --pretrained, got both; leave one out'],
    [['--checkpoint', CHECKPOINT, '--port', '99999'], 'Expected a port from 0 to 65535, got "99999"'],
  ])('refuses %o', async (args, message) => {
    await expect(start(args)).rejects.toThrow(message);
  });
});
