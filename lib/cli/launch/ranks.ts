import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { STOPPED } from '../train/train-options.ts';
import type { LaunchOptions } from './launch.ts';

/** One start of all ranks of this machine. */
export interface Attempt extends LaunchOptions {
  readonly masterPort: number;
  /** From 0. */
  readonly attempt: number;
}

/** How the ranks ended. */
export interface Ended {
  readonly code: number;
  /** A signal to this process, or a rank's own wish, ended them: they are not started again. */
  readonly wasTold: boolean;
}

/** Runs the ranks of this machine until all have ended. The first that fails ends the others. */
export async function runRanks(command: readonly string[], attempt: Attempt): Promise<Ended> {
  const ranks = new Ranks(command, attempt);
  return await ranks.ended();
}

interface Rank {
  readonly rank: number;
  readonly child: ChildProcess;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

class Ranks {
  readonly #running = new Map<number, Rank>();
  readonly #grace: number;
  #code = 0;
  #stopped = false;
  #told: NodeJS.Signals | undefined;
  #kill: NodeJS.Timeout | undefined;
  readonly #done: Promise<Ended>;
  #finish: (ended: Ended) => void = () => {};

  constructor(command: readonly string[], attempt: Attempt) {
    this.#grace = attempt.grace * 1000;
    this.#done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    for (const name of SIGNALS) process.on(name, this.#received);
    for (let local = 0; local < attempt.nprocPerNode; local++) this.#start(command, attempt, local);
  }

  ended(): Promise<Ended> {
    return this.#done;
  }

  #start(command: readonly string[], attempt: Attempt, local: number): void {
    const rank = attempt.nodeRank * attempt.nprocPerNode + local;
    const [program, ...args] = resolved(command);
    const child = spawn(program as string, args, {
      stdio: 'inherit',
      env: environmentOf(attempt, rank, local),
    });
    this.#running.set(rank, { rank, child });
    child.once('error', (error) => this.#exited(rank, 127, `could not be started: ${error.message}`));
    child.once('exit', (code, signal) =>
      this.#exited(rank, code ?? 128 + constants.signals[signal as NodeJS.Signals], how(code, signal)),
    );
  }

  #exited(rank: number, code: number, text: string): void {
    const pid = this.#running.get(rank)?.child.pid;
    if (!this.#running.delete(rank)) return;
    if (code === STOPPED) this.#stopped = true;
    else if (code !== 0 && this.#code === 0) this.#failed(rank, pid, code, text);
    if (this.#running.size === 0) this.#end();
  }

  #failed(rank: number, pid: number | undefined, code: number, text: string): void {
    this.#code = code;
    if (this.#told !== undefined) return;
    const process_ = pid === undefined ? '' : ` (process ${pid})`;
    const others = this.#running.size > 0 ? '; the other ranks are ended' : '';
    process.stderr.write(`ibn-net launch: rank ${rank}${process_} ${text}${others}\n`);
    this.#signal('SIGTERM');
  }

  #signal(signal: NodeJS.Signals): void {
    for (const { child } of this.#running.values()) child.kill(signal);
    this.#kill ??= setTimeout(() => {
      for (const { child } of this.#running.values()) child.kill('SIGKILL');
    }, this.#grace);
  }

  readonly #received = (name: NodeJS.Signals): void => {
    const isAgain = this.#told !== undefined;
    this.#told = name;
    this.#signal(isAgain ? 'SIGKILL' : name);
  };

  #end(): void {
    clearTimeout(this.#kill);
    for (const name of SIGNALS) process.off(name, this.#received);
    const isTold = this.#told !== undefined;
    const stopped = this.#stopped ? STOPPED : 0;
    const code = isTold && this.#stopped ? STOPPED : this.#code || stopped;
    this.#finish({ code, wasTold: isTold || (this.#stopped && this.#code === 0) });
  }
}

function how(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
}

/** `ibn-net` is this program, whether or not it is on the path; a script runs in this Node. */
function resolved([program = '', ...args]: readonly string[]): string[] {
  if (program === 'ibn-net') return [process.execPath, process.argv[1] as string, ...args];
  if (/\.[cm]?js$/.test(program)) return [process.execPath, program, ...args];
  return [program, ...args];
}

/** The variables of torchrun. Several processes share the processors: each gets one thread, unless it is told. */
function environmentOf(attempt: Attempt, rank: number, local: number): NodeJS.ProcessEnv {
  const { nprocPerNode, nnodes, nodeRank, masterAddr, masterPort, maxRestarts } = attempt;
  return {
    ...(nprocPerNode > 1 ? { OMP_NUM_THREADS: '1' } : {}),
    ...process.env,
    RANK: String(rank),
    LOCAL_RANK: String(local),
    GROUP_RANK: String(nodeRank),
    WORLD_SIZE: String(nnodes * nprocPerNode),
    LOCAL_WORLD_SIZE: String(nprocPerNode),
    GROUP_WORLD_SIZE: String(nnodes),
    MASTER_ADDR: masterAddr,
    MASTER_PORT: String(masterPort),
    TORCHELASTIC_RESTART_COUNT: String(attempt.attempt),
    TORCHELASTIC_MAX_RESTARTS: String(maxRestarts),
  };
}
