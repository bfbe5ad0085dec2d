// Writes the tables of docs/optimizers.md from the recorded cases: which optimizers and option sets of PyTorch's own
// tests are replayed, which are refused, and the schedules.
//   node scripts/optim/gen-table.mjs [--stdout]
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const page = join(root, 'docs/optimizers.md');
const fixtures = join(root, 'test/fixtures/optim');

/** What each optimizer computes with: libtorch's fused op, else what Python's for-loop does. */
const FUSED = {
  SGD: '`_fused_sgd_`',
  Adam: 'for-loop, `_fused_adam_`',
  AdamW: 'for-loop, `_fused_adamw_`',
  Adagrad: '`_fused_adagrad_`',
};

function optimizers() {
  const { cases } = JSON.parse(gunzipSync(readFileSync(join(fixtures, 'optim-db.json.gz'))).toString());
  const names = [...new Set(cases.map(({ optimizer }) => optimizer))];
  const rows = names.map((name) => {
    const own = cases.filter(({ optimizer, dtype }) => optimizer === name && dtype === 'float32');
    const others = cases.filter(({ optimizer, dtype }) => optimizer === name && dtype !== 'float32');
    const refused = own.filter(({ result }) => result === null);
    const tensors = refused.filter(({ what }) => /tensor lr/i.test(what)).length;
    const kinds = ['complex', 'sparse'].filter((kind) => others.some(({ what }) => what.includes(kind)));
    const op = FUSED[name] ?? 'for-loop';
    return [
      `\`${name}\``,
      op,
      own.length - refused.length,
      tensors,
      refused.length - tensors,
      kinds.join(', '),
    ];
  });
  const head = [
    'torch.optim',
    'computes as',
    'replayed',
    'refused: rate in a tensor',
    'refused: differentiable',
    'also',
  ];
  return table(head, rows);
}

function schedules() {
  const all = JSON.parse(readFileSync(join(fixtures, 'schedules.json'), 'utf8'));
  const names = [...new Set(all.map((one) => one.class))].sort();
  const rows = names.map((name) => {
    const place = name === 'SWALR' ? 'swaUtils' : 'lrScheduler';
    return [`\`${name}\``, `\`optim.${place}.${name}\``, all.filter((one) => one.class === name).length];
  });
  return table(['PyTorch', 'here', 'settings of 60 steps'], rows);
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function replaced(text, name, content) {
  const block = new RegExp(`(<!-- table: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
  if (!block.test(text)) throw new Error(`Expected a place for the table "${name}" in ${page}, got none`);
  return text.replace(block, `$1${content}\n$2`);
}

const old = readFileSync(page, 'utf8');
const fresh = replaced(replaced(old, 'optim', optimizers()), 'lrScheduler', schedules());
if (process.argv.includes('--stdout')) process.stdout.write(fresh);
else writeFileSync(page, fresh);
