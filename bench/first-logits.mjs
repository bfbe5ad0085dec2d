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
const rows = compare(
  [
    { name: 'Python torch', command: python, args: [join(root, 'bench/peers/first_logits.py'), path] },
    { name: 'ibn-net', command: process.execPath, args: [join(root, 'bench/peers/first-logits.mjs'), path] },
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
