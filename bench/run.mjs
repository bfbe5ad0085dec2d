// Runs all benchmarks, or those named:  npm run bench [call-overhead memory-loop ...]
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const all = readdirSync(here)
  .filter((name) => name.endsWith('.mjs') && !['run.mjs', 'harness.mjs', 'processor.mjs'].includes(name))
  .map((name) => name.slice(0, -4));
const wanted = process.argv.length > 2 ? process.argv.slice(2) : all;
for (const name of wanted) {
  const file = join(here, `${name}.mjs`);
  if (!existsSync(file)) {
    console.error(`Unknown benchmark "${name}"; there are: ${all.join(', ')}`);
    process.exit(1);
  }
  const { status } = spawnSync(process.execPath, [file], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
