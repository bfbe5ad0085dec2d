import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as checkpoint from '../lib/checkpoint/index.ts';
import { compile } from '../lib/compile/index.ts';
import * as models from '../lib/models/index.ts';
import { root, tmp } from './helpers/index.ts';

const CHECKPOINT = join(root, 'assets/fashion-mnist-resnet-ibn-a.pth');
const SHIRT = readFileSync(join(root, 'assets/images/4-shirt.png'));

/** The example's server, and what it prints. */
async function serve(file: string) {
  const child = spawn(process.execPath, [join(root, 'examples/serving/server.mjs'), file, '--port', '0'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value as string | undefined;
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  const port = (await line())?.replace('listening on ', '');
  expect(port, errors).toMatch(/^\d+$/);
  return { child, line, exit, url: `http://localhost:${port}`, errors: () => errors };
}

async function ask(url: string, body: Buffer): Promise<string> {
  const response = await fetch(url, { method: 'POST', body: new Uint8Array(body) });
  const content = (await response.json()) as { class?: number; error?: string };
  return `${response.status} ${content.class ?? content.error}`;
}

/** What was answered to callers who never pause while the server takes another network, five times. */
async function answersDuringReloads(file: string): Promise<string[]> {
  const server = await serve(file);
  const answers = new Set<string>();
  let running = true;
  const callers = Array.from({ length: 16 }, async () => {
    while (running) answers.add(await ask(server.url, SHIRT));
  });
  for (let i = 1; i <= 5; i++) {
    server.child.kill('SIGHUP');
    expect(await server.line()).toBe(`reloaded ${i}`);
  }
  running = false;
  await Promise.all(callers);
  server.child.kill('SIGTERM');
  expect(await server.exit, server.errors()).toBe(0);
  expect(server.errors()).toBe('');
  return [...answers];
}

describe('the server of examples/serving', () => {
  it('loses no request while it compiles a checkpoint again', async () => {
    expect(await answersDuringReloads(CHECKPOINT)).toEqual(['200 6']);
  });

  it('loses no request while it reads a saved model again', async () => {
    const saved = checkpoint.load<{ args: { layers: [number, number, number, number]; options: object } }>(
      CHECKPOINT,
    );
    const { layers, options } = saved.args;
    const model = new models.ResNet_IBN(models.BasicBlock_IBN, layers, { ...options });
    checkpoint.loadInto(model, CHECKPOINT);
    const fast = await compile(model.eval(), { inputs: [[1, 1, 28, 28]], keepWeights: true });
    const file = join(tmp(), 'model.ibn');
    fast.save(file);
    fast.dispose();
    expect(existsSync(file)).toBe(true);
    expect(await answersDuringReloads(file)).toEqual(['200 6']);
  });

  it('tells a caller of bytes that are no image', async () => {
    const server = await serve(CHECKPOINT);
    expect(await ask(server.url, Buffer.from('no image'))).toMatch(/^400 /);
    server.child.kill('SIGTERM');
    expect(await server.exit).toBe(0);
  });
});
