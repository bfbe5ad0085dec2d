// Compares decodeImage with Pillow over every file of scripts/images and damaged copies of them, in a scratch folder.
// Needs a build and a Python with Pillow 12.3 and numpy (PYTHON names it; default python3); without one it says so and ends well.
//   node scripts/check-images.mjs [--fuzz 5000] [--seed 0]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { fuzz: { type: 'string', default: '5000' }, seed: { type: 'string', default: '0' } },
});
const python = process.env.PYTHON ?? 'python3';
const script = (name) => fileURLToPath(new URL(`images/${name}`, import.meta.url));
const probe = ['-c', 'import numpy, PIL; assert PIL.__version__.startswith("12.3.")'];

if (spawnSync(python, probe).status === 0) process.exitCode = compare();
else
  console.log(`images: not compared, as ${python} has no Pillow 12.3 with numpy; set PYTHON to one that has`);

function compare() {
  const folder = mkdtempSync(join(tmpdir(), 'ibn-images-'));
  try {
    const options = ['--fuzz', values.fuzz, '--seed', values.seed];
    // libtiff complains of what it cannot read on standard error.
    const made = spawnSync(python, [script('reference.py'), folder, ...options], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`reference.py ended with ${made.status}: ${made.stderr}`);
    return spawnSync(process.execPath, [script('compare.mjs'), folder], { stdio: 'inherit' }).status ?? 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
