// How soon are the first logits there? A new process: import, build resnet50_ibn_a, read its .pth, one forward; ms.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualSeed, models, save } from '../dist/index.js';
import { compare, python, report, root } from './harness.mjs';

const folder = mkdtempSync(join(tmpdir(), 'ibn-net-'));
const path = join(folder, 'resnet50_ibn_a.pth');
manualSeed(0);
save(models.resnet50_ibn_a().stateDict(), path);
const peer = (name, command, script, ...args) => ({
  name,
  command,
  args: [join(root, 'bench/peers', script), path, ...args],
});
const rows = compare(
  [
    peer('Python torch', python, 'first_logits.py'),
    peer('Python torch, meta device + mmap + assign', python, 'first_logits.py', 'skip-init'),
    peer('ibn-net', process.execPath, 'first-logits.mjs'),
    peer('ibn-net, skipInit + loadInto (as hub.load)', process.execPath, 'first-logits.mjs', 'skip-init'),
    peer('ibn-net, skipInit + loadInto, mmap', process.execPath, 'first-logits.mjs', 'skip-init', 'mmap'),
  ],
  7,
);
rmSync(folder, { recursive: true });
report(
  'first-logits',
  'From import to the first logits of resnet50_ibn_a, ms (x: against Python torch)',
  rows,
  {
    note: 'total: inside the process; wall: with the start of node or python',
  },
);
