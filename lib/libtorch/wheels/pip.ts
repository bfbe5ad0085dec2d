import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../cache.ts';
import { parseWheelName } from './wheel-name.ts';

/** What pip is asked for. */
export interface PipRequest {
  /** For example `torch==2.13.0+cpu`. */
  requirement: string;
  /** The file wanted, when it is known: its tags are asked for instead of those of the running Python. */
  fileName?: string | undefined;
  /** Where the wheel goes. */
  folder: string;
  env: Environment;
  signal?: AbortSignal | undefined;
}

/** The wheel that pip fetched, or why it fetched none. */
export type PipResult = { path: string } | { reason: string };

/**
 * Has pip fetch one wheel from wherever pip is configured to look, offline folders included. An index that
 * does not answer within 5 seconds is passed over by pip.
 */
export async function pipDownload(request: PipRequest): Promise<PipResult> {
  await mkdir(request.folder, { recursive: true });
  const target = await mkdtemp(join(request.folder, '.pip-'));
  try {
    const failure = await runPip(pipArguments(request, target), request);
    const name = (await readdir(target)).find((file) => file.endsWith('.whl'));
    if (failure ?? !name) return { reason: failure ?? 'pip fetched no wheel' };
    const path = join(request.folder, name as string);
    await rename(join(target, name as string), path);
    return { path };
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}

function pipArguments(request: PipRequest, target: string): string[] {
  const quiet = ['--no-input', '--progress-bar', 'off', '--disable-pip-version-check'];
  const quick = ['--retries', '0', '--timeout', '5'];
  const one = ['--no-deps', '--only-binary=:all:', ...tagArguments(request.fileName)];
  return ['-m', 'pip', 'download', ...quiet, ...quick, ...one, '--dest', target, request.requirement];
}

/** Asks for exactly the wheel of that name; its libraries are the same for every Python. */
function tagArguments(fileName: string | undefined): string[] {
  const wheel = fileName === undefined ? undefined : parseWheelName(fileName);
  const python = /^cp(\d)(\d+)$/.exec(wheel?.python ?? '');
  if (!wheel || !python) return [];
  const platforms = wheel.platforms.flatMap((tag) => ['--platform', tag]);
  return [
    ...['--implementation', 'cp', '--python-version', `${python[1]}.${python[2]}`, '--abi', wheel.abi],
    ...platforms,
  ];
}

/** Runs pip under the active Python; gives pip's own reason when it fails. */
async function runPip(args: string[], request: PipRequest): Promise<string | undefined> {
  for (const python of ['python3', 'python']) {
    const outcome = await run(python, args, request);
    if (outcome.missing) continue;
    return outcome.status === 0 ? undefined : pipReason(outcome.output, python);
  }
  return 'neither python3 nor python is on PATH';
}

function pipReason(output: string, python: string): string {
  if (/No module named pip\b/.test(output)) return `${python} has no pip`;
  const lines = output.trim().split('\n');
  const error = lines.find((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? '';
  return error.replace(/^ERROR: /, '');
}

interface Outcome {
  status: number | null;
  output: string;
  missing: boolean;
}

function run(command: string, args: string[], request: PipRequest): Promise<Outcome> {
  // pip refuses to work outside virtual environments under this setting; nothing is installed here.
  const env = { ...request.env, PIP_REQUIRE_VIRTUALENV: '0' };
  const signal = request.signal;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(signal && { signal }),
    });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? resolve({ status: null, output, missing: true }) : reject(error),
    );
    child.on('close', (status) => resolve({ status, output, missing: false }));
  });
}
