// Writes the table of ops into docs/compile.md from the importers of lib/compile/graph/importers.ts. Prints the page instead
// with --stdout (the test compares).
//   npm run build && node scripts/gen/compile-doc.mjs [--stdout]
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FAMILIES } from '../../dist/compile/graph/importers.js';

const PAGE = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'docs', 'compile.md');
const START = '<!-- The table is written by scripts/gen/compile-doc.mjs. -->';
const END = '<!-- End of the table. -->';

const code = (names) => names.map((name) => `\`${name}\``).join(', ');

function row({ takes, both = {}, cpu = {}, onCuda }) {
  const names = [...new Set([...Object.keys(both), ...Object.keys(cpu)])];
  const cuda = onCuda ?? (Object.keys(both).length > 0 ? 'yes' : 'no');
  return `| ${code(names)} | ${takes} | ${cuda} |`;
}

const page = readFileSync(PAGE, 'utf8');
const [from, to] = [page.indexOf(START), page.indexOf(END)];
if (from < 0 || to < from) throw new Error(`Expected "${START}" and then "${END}" in docs/compile.md`);
const table = ['| ops | forms | on CUDA |', '| --- | --- | --- |', ...FAMILIES.map(row)].join('\n');
const fresh = `${page.slice(0, from)}${START}\n\n${table}\n\n${page.slice(to)}`;
if (process.argv.includes('--stdout')) process.stdout.write(fresh);
else writeFileSync(PAGE, fresh);
