// How fast do a file's weights get into resnet50_ibn_a (102 MB, 346 tensors), and with how much memory? Every format,
// against Python's torch.load + load_state_dict and safetensors. Needs Python with torch and safetensors (PYTHON=...).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpoint, manualSeed, models, save } from '../dist/index.js';
import { compare, python, report, root } from './harness.mjs';

const ROUNDS = 5;
const folder = mkdtempSync(join(tmpdir(), 'ibn-net-'));
const files = Object.fromEntries(
  ['zip', 'legacy', 'safetensors'].map((format) => [format, join(folder, `weights.${format}`)]),
);

const LEGACY = `
import sys, torch
torch.save(torch.load(sys.argv[1]), sys.argv[2], _use_new_zipfile_serialization=False)`;

function makeFiles() {
  manualSeed(0);
  const state = models.resnet50_ibn_a().stateDict();
  save(state, files.zip);
  checkpoint.saveSafetensors(state, files.safetensors);
  const { status, stderr } = spawnSync(python, ['-c', LEGACY, files.zip, files.legacy], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Expected Python with torch (set PYTHON), got:\n${stderr}`);
}

const peer = (name, how, format) => ({
  name,
  command: python,
  args: [join(root, 'bench/peers/checkpoint_load.py'), how, files[format]],
});
const ours = (name, how, format) => ({
  name,
  command: process.execPath,
  args: [join(root, 'bench/peers/checkpoint-load.mjs'), how, files[format]],
});

makeFiles();
const rows = compare(
  [
    peer('Python zip, default', 'default', 'zip'),
    peer('Python zip, mmap and assign', 'mmap', 'zip'),
    peer('Python legacy', 'default', 'legacy'),
    peer('Python safetensors', 'safetensors', 'safetensors'),
    peer('Python safetensors, assign', 'safetensors-assign', 'safetensors'),
    ours('ibn-net zip, loadInto', 'into', 'zip'),
    ours('ibn-net zip, loadInto, mmap', 'into-mmap', 'zip'),
    ours('ibn-net zip, load and assign', 'assign', 'zip'),
    ours('ibn-net zip, load and copy', 'copy', 'zip'),
    ours('ibn-net legacy, loadInto', 'into', 'legacy'),
    ours('ibn-net legacy, load and copy', 'copy', 'legacy'),
    ours('ibn-net safetensors, loadInto', 'into', 'safetensors'),
    ours('ibn-net safetensors, loadInto, mmap', 'into-mmap', 'safetensors'),
  ],
  ROUNDS,
);
rmSync(folder, { recursive: true });
report(
  'checkpoint-load',
  'From a file to weights in resnet50_ibn_a: ms warm and first, rise of resident MB',
  rows,
  {
    note: 'resident: peak over building the model, reading the file and then every weight once; the weights are 97.8 MiB',
  },
);
