// Commands under a time limit, with their output in a log.
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';

const KEPT = 60;

/** What a process ended with. */
function verdict({ status, signal, late, limit, lines }) {
  if (late) return { state: 'timeout', reason: `stopped after ${Math.round(limit)} s` };
  if (status === 0) return { state: 'passed' };
  const [last] = lines.filter((line) => line.trim() !== '').slice(-1);
  return {
    state: 'failed',
    reason: `${signal ?? `exit status ${status}`}: ${last ?? 'no output'}`.slice(0, 500),
  };
}

/**
 * Runs a command to its end, or for `limit` seconds, then ends it and all that it started. What it prints goes to
 * `log` and to the console. Gives `{ state, reason, seconds, lines }`: state is passed, failed or timeout, lines are
 * the last ones.
 */
export async function runLimited(command, args, { log, limit, env = process.env, cwd }) {
  const start = performance.now();
  if (limit <= 0) return { state: 'timeout', reason: 'no time was left', seconds: 0, lines: [] };
  const file = createWriteStream(log, { flags: 'a' });
  file.write(`\n$ ${command} ${args.join(' ')}\n`);
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = [];
  let rest = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      file.write(text);
      process.stdout.write(text);
      const parts = (rest + text).split(/\r?\n/);
      rest = parts.pop();
      lines.push(...parts);
      lines.splice(0, lines.length - KEPT);
    });
  }
  let late = false;
  const end = (signal) => {
    late = true;
    endGroup(child.pid, signal);
  };
  const timers = [setTimeout(end, limit * 1000, 'SIGTERM'), setTimeout(end, limit * 1000 + 5000, 'SIGKILL')];
  const [status, signal] = await new Promise((resolve) => {
    child.on('error', (error) => {
      lines.push(error.message);
      resolve([-1, null]);
    });
    child.on('close', (...how) => resolve(how));
  });
  for (const timer of timers) clearTimeout(timer);
  // What a killed parent left would go on using the GPU.
  endGroup(child.pid, 'SIGKILL');
  if (rest !== '') lines.push(rest);
  await new Promise((resolve) => file.end(resolve));
  const seconds = Number(((performance.now() - start) / 1000).toFixed(1));
  return { ...verdict({ status, signal, late, limit, lines }), seconds, lines };
}

function endGroup(pid, signal) {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}

/** What a short command prints, or undefined when it fails. */
export function ask(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000, ...options });
  return status === 0 ? stdout.trim() : undefined;
}
