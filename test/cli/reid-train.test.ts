import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerReid } from '../../lib/cli/reid/reid.ts';
import { type ReidTrainFlags, trainReid } from '../../lib/cli/reid/train.ts';
import { TRAIN_SPACE } from '../../lib/cli/reid/train-options.ts';
import * as reid from '../../lib/reid/index.ts';
import { setNumThreads } from '../../lib/tensor/index.ts';
import { readRun } from '../../lib/train/index.ts';
import { tmp } from '../helpers/files.ts';
import { makeTree, PATTERN } from '../reid/training/tree.ts';

setNumThreads(1);
const tree = mkdtempSync(join(tmpdir(), 'ibn-reid-train-'));
beforeAll(async () => {
  await makeTree(tree, 8, 4);
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

function streams() {
  const stdout = { text: '', write: (text: string) => (stdout.text += text) };
  const stderr = { text: '', write: (text: string) => (stderr.text += text), isTTY: false };
  return { stdout, stderr: stderr as never, told: stderr };
}

const FLAGS: ReidTrainFlags = {
  train: [`folder=${tree}`],
  test: [`folder=${tree}`],
  pattern: PATTERN,
  model: 'strong-baseline/resnet18',
  size: [48, 24],
  ...{ batchSize: 16, workers: 0, seed: 3, epochs: 2, evalEvery: 2, warmupIters: 1, ema: 0.5 },
};

async function trained(flags: ReidTrainFlags) {
  const output = streams();
  const code = await trainReid({ ...FLAGS, ...flags }, output);
  return { code, text: output.stdout.text, told: output.told.text };
}

describe('reid train', () => {
  it('trains, evaluates, logs, and goes on from where it was, with files for the published code', async () => {
    const output = tmp();
    const first = await trained({ output, epochs: 1 });
    expect(first.code).toBe(0);
    expect(first.text).toMatch(
      /strong-baseline\/resnet18 on cpu, 8 identities\n48 images of 2 cameras .* 2 batches/,
    );
    expect(first.text).toMatch(
      /Epoch 1\/1, LR .*: train loss .*, id .*, triplet .*, center .*; val mAP .*, rank-1 .*/,
    );
    expect(first.text).toMatch(/Best mAP: \d+\.\d\d, in .*weights_best\.pth\n$/);
    expect((await readRun(output)).epochs.map(({ val }) => Object.keys(val))).toEqual([
      ['mAP', 'rank1', 'mINP'],
    ]);
    await expect(trained({ output })).rejects.toThrow('pass --resume auto');
    await expect(trained({ output, epochs: 1, resume: 'auto', lr: 1 })).rejects.toThrow('pass --override lr');
    await expect(trained({ output, epochs: 1, resume: 'auto', train: ['market'] })).rejects.toThrow(
      'begin a new run',
    );
    const second = await trained({ output, epochs: 2, resume: 'auto', override: ['epochs', 'evalEvery'] });
    expect(second.code).toBe(0);
    expect(second.told).toMatch(/Going on from .* with epoch 2/);
    expect(readdirSync(output)).toEqual(
      expect.arrayContaining(['config.yaml', 'curves.svg', 'log.txt', 'weights_last.pth']),
    );
    expect(String(reid.load(join(output, 'weights_best.pth')))).toContain('resnet18 of reid-strong-baseline');
    const again = tmp();
    const config = join(output, 'config.yaml');
    expect(readFileSync(config, 'utf8')).toContain('model: strong-baseline/resnet18');
    expect(await trainReid({ config, output: again, epochs: 1 }, streams())).toBe(0);
  });

  it('has every published figure in its presets, over which files and flags count', async () => {
    const printed = async (flags: ReidTrainFlags) => {
      const output = streams();
      await trainReid({ ...flags, printConfig: true }, output);
      return output.stdout.text;
    };
    for (const preset of Object.keys(reid.TRAIN_PRESETS))
      expect(await printed({ preset })).toMatchSnapshot(preset);
    const config = join(tmp(), 'run.yaml');
    writeFileSync(config, 'preset: sbs\nepochs: 30\nnumInstances: 8\n');
    const text = await printed({ config, epochs: 20 });
    expect(text).toMatch(/^epochs: 20$/m);
    expect(text).toMatch(/^numInstances: 8$/m);
    expect(text).toMatch(/^model: fast-reid\/sbs$/m);
    writeFileSync(config, 'epochs: 30\nnumInstance: 8\n');
    await expect(printed({ config })).rejects.toThrow(
      'run.yaml, line 2: Expected a known option, got "numInstance"; did you mean numInstances',
    );
  });

  it('says what it needs', async () => {
    await expect(trainReid({ output: tmp() }, streams())).rejects.toThrow('Expected --train SET, got none');
    await expect(trained({})).rejects.toThrow('Expected --output FOLDER, got none');
    const bare = { train: ['folder'], output: tmp() };
    await expect(trainReid(bare, streams())).rejects.toThrow('Expected --pattern for --train folder');
  });

  it('has a flag for each option', () => {
    const program = new Command();
    registerReid(program);
    const train = program.commands[0]?.commands.find((command) => command.name() === 'train');
    const names = train?.options.map((option) => option.attributeName());
    for (const name of Object.keys(TRAIN_SPACE.options)) expect(names).toContain(name);
  });
});
