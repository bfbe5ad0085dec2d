import { spawnSync } from 'node:child_process';
import { root } from '../helpers/files.ts';

const executable = process.env.PYTHON ?? 'python3';

function run(...args: string[]) {
  return spawnSync(executable, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
}

/** Why tests that ask the reference itself are skipped: Pillow and torchvision as they were recorded are not there. */
export const noPillow =
  run(
    '-c',
    'import PIL, torchvision; assert PIL.__version__[:5] == "12.3." and torchvision.__version__[:5] == "0.28."',
  ).status !== 0;

/** What a script of the repository prints. */
export function python(...args: string[]): string {
  const { status, stdout, stderr } = run(...args);
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

/** What a Node script of the repository prints; it must end well. */
export function runNode(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}
