import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { count, wholeNumber } from '../flag-values.ts';

/** Options of {@link launch}, as commander gives them. */
export interface LaunchOptions {
  nprocPerNode: number;
  nnodes: number;
  nodeRank: number;
  masterAddr: string;
  masterPort?: number;
  maxRestarts: number;
  grace: number;
}

/** Adds the command `launch` to the program. */
export function registerLaunch(program: Command): void {
  program
    .command('launch')
    .description('Run a command as several ranks of one process group, as torchrun does')
    .argument(
      '<command...>',
      'a program and its arguments; ibn-net is this one, a .js or .mjs file runs in Node',
    )
    .requiredOption('--nproc-per-node <n>', 'processes on this machine', wholeNumber)
    .option('--nnodes <n>', 'machines; each runs this command', wholeNumber, 1)
    .option('--node-rank <n>', 'which of them this one is, from 0', count, 0)
    .option('--master-addr <host>', 'the machine of node rank 0', '127.0.0.1')
    .option('--master-port <port>', 'a free port there; default: one is chosen on a single machine', port)
    .option('--max-restarts <n>', 'how often a group with a failed rank is started again', count, 0)
    .option('--grace <seconds>', 'how long the other ranks may take to end', count, 30)
    .passThroughOptions()
    .addHelpText('after', EXAMPLES)
    .action(async (command: string[], options: LaunchOptions) => {
      process.exitCode = await launch(command, options);
    });
}

const EXAMPLES = `
Each process gets RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT, which
distributed.initProcessGroup() and ibn-net train read. A rank that fails ends the others; with --max-restarts all are
started again, and a command with --resume auto goes on from its last checkpoint. The exit status is that of the rank
that failed first; 75 where a signal stopped a run that can go on.

Examples:
  npx ibn-net launch --nproc-per-node 2 ibn-net train photos --model resnet18_ibn_a --output runs/a --resume auto
  npx ibn-net launch --nproc-per-node 4 --nnodes 2 --node-rank 1 --master-addr host0 --master-port 29500 train.mjs`;

function port(text: string): number {
  const value = wholeNumber(text);
  if (value <= 65_535) return value;
  throw new InvalidArgumentError(`Expected a port from 1 to 65535, got "${text}".`);
}

/**
 * Runs a command as ranks of one group, and again after a failure as often as it may.
 *
 * @returns the exit code
 */
export async function launch(command: readonly string[], options: LaunchOptions): Promise<number> {
  checkPlaces(options);
  const { runRanks } = await import('./ranks.ts');
  const { freePort } = await import('./free-port.ts');
  for (let attempt = 0; ; attempt++) {
    const masterPort = options.masterPort ?? (await freePort());
    const ended = await runRanks(command, { ...options, masterPort, attempt });
    if (ended.code === 0 || ended.wasTold || attempt === options.maxRestarts) return ended.code;
    const left = options.maxRestarts - attempt - 1;
    process.stderr.write(`ibn-net launch: all ranks are started again (${left} more times if need be)\n`);
  }
}

function checkPlaces({ nnodes, nodeRank, masterPort, nprocPerNode }: LaunchOptions): void {
  if (nodeRank >= nnodes)
    throw new RangeError(`Expected an integer from 0 to ${nnodes - 1} for --node-rank, got ${nodeRank}`);
  if (nnodes > 1 && masterPort === undefined)
    throw new RangeError('Expected --master-port for more than one machine, got none');
  if (nprocPerNode > 16 * availableParallelism())
    throw new RangeError(
      `Expected at most ${16 * availableParallelism()} processes for --nproc-per-node, 16 for each processor, got ` +
        `${nprocPerNode}`,
    );
}
