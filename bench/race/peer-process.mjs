// Peers in processes of their own. Those that do not have the turn are stopped (SIGSTOP), so that no pool that spins
// while it waits takes a core from the one that is timed.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { python, root } from '../harness.mjs';

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** With thresholds this high, glibc keeps large blocks for the next run in place of giving their pages back. */
const RAISED = { MALLOC_MMAP_THRESHOLD_: String(2 ** 32), MALLOC_TRIM_THRESHOLD_: String(2 ** 33) };

/** A process that answers commands; see serve.py. */
export class Peer {
  #child;
  #lines;
  #errors = '';

  /** @param settings What the script takes (serve.py), and `language`, `script`, `allocator`, `spins` and `compileThreads`. */
  constructor({
    language,
    script,
    allocator = 'default',
    spins,
    cache = '',
    compileThreads = 1,
    ...settings
  }) {
    const { threads } = settings;
    const inPython = language === 'python';
    const path = join(root, 'bench/peers', script ?? (inPython ? 'serve.py' : 'serve.mjs'));
    this.#child = spawn(inPython ? python : process.execPath, [path, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        OMP_NUM_THREADS: String(threads),
        TORCHINDUCTOR_CACHE_DIR: cache,
        TORCHINDUCTOR_COMPILE_THREADS: String(compileThreads),
        ...(allocator === 'raised' ? RAISED : {}),
        ...(spins === undefined ? {} : { GOMP_SPINCOUNT: String(spins) }),
      },
    });
    running.add(this.#child);
    this.#child.on('exit', () => running.delete(this.#child));
    this.#child.stdin.on('error', () => {}); // the reply that does not come tells it
    this.#child.stderr.on('data', (text) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when the network is loaded. */
  ready(limitMs = 120_000) {
    return this.#reply(limitMs);
  }

  /** Lets the process run for one command. */
  async ask(command, limitMs = 120_000) {
    this.#child.kill('SIGCONT');
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    return this.#reply(limitMs);
  }

  async #reply(limitMs) {
    const late = Symbol('late');
    let timer;
    const limit = new Promise((resolve) => {
      timer = setTimeout(resolve, limitMs, late);
    });
    try {
      for (;;) {
        const line = await Promise.race([this.#lines.next(), limit]);
        if (line === late) throw new Error(`No answer within ${limitMs / 1000} s`);
        if (line.done) throw new Error(`The process ended: ${this.#errors.trim().split('\n').pop()}`);
        if (!line.value.startsWith('@')) continue;
        const values = JSON.parse(line.value.slice(1));
        if (values.error !== undefined) throw new Error(values.error);
        return values;
      }
    } finally {
      clearTimeout(timer);
      this.#child.kill('SIGSTOP');
    }
  }

  end() {
    this.#child.kill('SIGKILL');
  }
}
