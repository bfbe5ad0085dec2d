// What the machine has.
import { existsSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ask } from './process.mjs';

const TORCH = `
import json, os, torch
facts = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(),
         "root": os.path.dirname(torch.__file__), "available": torch.cuda.is_available()}
print(json.dumps(facts))`;

const firstLine = (text) => text?.split('\n')[0];
const lastLine = (text) => text?.split('\n').at(-1);

/** Versions and sizes, null for what is not there. */
export function machineFacts(python) {
  const torch = ask(python, ['-c', TORCH]);
  const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader'];
  return {
    gpus: ask('nvidia-smi', query)?.split('\n') ?? null,
    torch: torch === undefined ? null : JSON.parse(lastLine(torch)),
    python: ask(python, ['--version']) ?? null,
    node: process.version,
    nvcc: lastLine(ask('nvcc', ['--version'])) ?? null,
    cmake: firstLine(ask('cmake', ['--version'])) ?? null,
    compiler: firstLine(ask('c++', ['--version'])) ?? null,
    sanitizer: firstLine(ask('compute-sanitizer', ['--version'])) ?? null,
    cpu: cpus()[0]?.model.trim(),
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()}-${arch()} ${release()}`,
  };
}

/** The libtorch that is built against: LIBTORCH, else the Python's PyTorch; undefined where there is neither. */
export function libtorchOf({ torch }) {
  return process.env.LIBTORCH || torch?.root;
}

/** Why the built package has no GPU to run on; undefined when it has one. */
export function missingGpu(root, env) {
  const index = join(root, 'dist/index.js');
  if (!existsSync(index)) return 'the package is not built';
  const program = `import { cuda } from ${JSON.stringify(pathToFileURL(index).href)};
    console.log('@' + (cuda.unavailableReason() ?? ''));`;
  const answer = ask(process.execPath, ['--input-type=module', '-e', program], { env });
  if (answer === undefined) return 'the built package cannot be loaded';
  return lastLine(answer).slice(1) || undefined;
}
