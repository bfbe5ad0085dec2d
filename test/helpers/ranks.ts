import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { pathToFileURL } from 'node:url';
import { type ChildResult, runChild } from './child.ts';
import { dist } from './files.ts';

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** The variables of torchrun for one rank, on one thread. */
export function rankEnvironment(rank: number, worldSize: number, port: number): Record<string, string> {
  return {
    RANK: String(rank),
    WORLD_SIZE: String(worldSize),
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: String(port),
    OMP_NUM_THREADS: '1',
  };
}

/**
 * Runs `source` as each rank of a group of so many Node processes. `torch` in it is the built package, `rank` and `worldSize`
 * are known, the process group is initialised, and `report(value)` gives a value to the test.
 *
 * @returns what each rank reported
 */
export async function runRanks(worldSize: number, source: string, init = ''): Promise<unknown[]> {
  const ended = await runRanksToTheEnd(worldSize, source, init);
  const failed = ended.find(({ code }) => code !== 0);
  if (failed) throw new Error(`A rank ended with ${failed.code ?? failed.signal}: ${failed.stderr}`);
  return ended.map(({ stdout }) => JSON.parse(stdout.trim().split('\n').at(-1) as string));
}

/** The same, whatever becomes of the ranks. */
export async function runRanksToTheEnd(worldSize: number, source: string, init = ''): Promise<ChildResult[]> {
  const port = await freePort();
  const url = pathToFileURL(dist).href;
  const program = `
    import * as torch from '${url}/index.js';
    const { distributed, nn } = torch;
    const rank = Number(process.env.RANK), worldSize = Number(process.env.WORLD_SIZE);
    const report = (value) => console.log(JSON.stringify(value));
    torch.setNumThreads(1);
    await distributed.initProcessGroup({ timeout: 30_000, ${init} });
    ${source}`;
  const ranks = Array.from({ length: worldSize }, (_, rank) =>
    runChild(program, { env: rankEnvironment(rank, worldSize, port), layer: false, timeout: 120_000 }),
  );
  return await Promise.all(ranks);
}

/** Runs a program with these variables; what it wrote. */
export function runProgram(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<ChildResult> {
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
