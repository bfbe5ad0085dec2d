import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as checkpoint from '../../lib/checkpoint/index.ts';
import { contestants } from '../../lib/cli/evaluate/contestants.ts';
import { corruptedConditions } from '../../lib/cli/evaluate/corrupted.ts';
import { corruptionErrors, ErrorCount } from '../../lib/cli/evaluate/corruption-errors.ts';
import { type EvaluateOptions, evaluate } from '../../lib/cli/evaluate/evaluate.ts';
import { matchLabels } from '../../lib/cli/evaluate/labels.ts';
import { corruptions, decodeImage, IMAGENET_CLASSES, transforms } from '../../lib/data/index.ts';
import * as models from '../../lib/models/index.ts';
import { inferenceMode, manualSeed, tensor, zeros } from '../../lib/tensor/index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-evaluate-'));
const SMALL = { numClasses: 3, inChannels: 3, widths: [8, 8, 8, 8], stem: 'small' } as const;
const CLASSES = ['blue', 'green', 'red'];
const INPUT = { resize: 40, crop: 32 };
const paths = new Map<string, number>();
const file = (name: string) => join(scratch, name);

beforeAll(async () => {
  for (const [seed, name] of [
    [0, 'first'],
    [5, 'second'],
  ] as const) {
    manualSeed(seed);
    const state_dict = models.resnet18_ibn_a(SMALL).stateDict();
    const args = { options: SMALL, input: INPUT };
    checkpoint.save({ state_dict, arch: 'resnet18_ibn_a', args, classes: CLASSES }, file(`${name}.pth`));
    checkpoint.save({ state_dict, arch: 'resnet18_ibn_a', args }, file(`${name}-unnamed.pth`));
  }
  for (const [label, name] of CLASSES.entries()) {
    mkdirSync(file(`data/val/${name}`), { recursive: true });
    for (let i = 0; i < 3; i++) {
      const background = {
        r: label === 2 ? 250 : 40 * i,
        g: label === 1 ? 250 : 40 * i,
        b: label === 0 ? 250 : 40 * i,
      };
      const path = file(`data/val/${name}/${i}.JPEG`);
      await sharp({ create: { width: 60 + i, height: 50, channels: 3, background } })
        .jpeg()
        .toFile(path);
      paths.set(path, label);
    }
  }
  cpSync(file('data/val'), file('damaged'), { recursive: true });
  writeFileSync(file('damaged/red/3.jpg'), 'no image');
});
afterAll(() => rmSync(scratch, { recursive: true }));

async function run(data: string, options: Partial<EvaluateOptions> = {}) {
  const out = { stdout: '', stderr: '' };
  const code = await evaluate(
    file(data),
    { checkpoint: [file('first.pth')], split: 'val', device: 'cpu', batchSize: 4, ...options },
    {
      stdout: { write: (text) => (out.stdout += text) },
      stderr: { write: (text) => (out.stderr += text) },
    },
  );
  const clean = (text: string) => text.replaceAll(scratch, '<scratch>');
  return { code, stdout: clean(out.stdout), stderr: clean(out.stderr) };
}

/** Accuracy of the first network by the eager model, image by image. */
async function byHand(
  change = (x: ReturnType<typeof transforms.imagenetEval.prototype.forward>) => x,
): Promise<number> {
  const model = models.resnet18_ibn_a(SMALL).eval();
  checkpoint.loadInto(model, file('first.pth'));
  let right = 0;
  for (const [path, label] of paths) {
    const x = change(transforms.imagenetEval(INPUT).forward(await decodeImage(path))).unsqueeze(0);
    right +=
      Number(
        inferenceMode(() => model.forward(x))
          .argmax(1)
          .item(),
      ) === label
        ? 1
        : 0;
  }
  return (100 * right) / paths.size;
}

describe('evaluate', () => {
  it('prints the figures of the published script, which one comes to by hand as well', async () => {
    const { code, stdout, stderr } = await run('data');
    const top1 = await byHand();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('9 images of 3 classes in <scratch>/data/val\n');
    expect(stdout).toContain('first (resnet18_ibn_a), <scratch>/first.pth\n');
    expect(stdout).toMatch(/ Test Loss: {2}\d\.\d{8}, Top1 Acc: {2}/);
    expect(stdout).toContain(`Top1 Acc:  ${top1.toFixed(2)}, Top5 Acc: -\n`);
    expect(stdout).toContain(` Top1 Err:  ${(100 - top1).toFixed(2)}, Top5 Err: -\n`);
    expect(stdout).toMatch(/ [\d.]+ images\/s, [\d.]+ s; folders and classes matched by name\n/);
  });

  it('gives one JSON object, and files with the classes and the confusion matrix', async () => {
    const { stdout } = await run('data', { json: true, output: file('results/deep') });
    const printed = JSON.parse(stdout);
    expect(printed).toMatchObject({ data: '<scratch>/data/val', folders: CLASSES, unreadable: [] });
    expect(printed.results[0]).toMatchObject({
      name: 'first',
      samples: 9,
      resize: 40,
      crop: 32,
      matchedBy: 'name',
    });
    expect(readdirSync(file('results/deep')).sort()).toEqual([
      'evaluation.json',
      'first-classes.csv',
      'first-confusion.csv',
    ]);
    const rows = readFileSync(file('results/deep/first-confusion.csv'), 'utf8').trimEnd().split('\n');
    expect(rows[0]).toBe(',blue,green,red');
    const counts = rows.slice(1).map((row) => row.split(',').slice(1).map(Number));
    expect(counts.map((row) => row.reduce((sum, value) => sum + value, 0))).toEqual([3, 3, 3]);
    const right = counts.reduce((sum, row, index) => sum + (row[index] as number), 0);
    expect((100 * right) / 9).toBeCloseTo(printed.results[0].top1, 10);
    const classes = readFileSync(file('results/deep/first-classes.csv'), 'utf8').split('\n');
    expect(classes[0]).toBe('index,class,samples,top1,top5,most_mistaken_for,times');
    expect(classes[2]).toMatch(/^1,green,3,/);
  });

  it('compares several networks in one table', async () => {
    const both = { checkpoint: [file('first.pth'), file('second.pth')], output: file('compared') };
    const { stdout } = await run('data', both);
    const svg = readFileSync(file('compared/comparison.svg'), 'utf8');
    for (const text of ['top-1 error (%)', 'origin', 'first', 'second'])
      expect(svg).toContain(`>${text}</text>`);
    const table = stdout.slice(stdout.indexOf(' network'));
    expect(table).toMatch(/^ network +loss +top-1 error +top-5 error +images\/s\n first .*\n second .*\n$/);
  });

  it('changes images as in Table 1 of the paper', async () => {
    const { stdout } = await run('data', { robustness: true, json: true });
    const { robustness, top1 } = JSON.parse(stdout).results[0];
    expect(robustness.map(({ condition }: { condition: string }) => condition)).toEqual([
      'RGB+50',
      'R+50',
      'std x1.5',
    ]);
    const [all, red, scaled] = robustness.map((one: { top1: number }) => one.top1);
    const std = transforms.IMAGENET_STD as number[];
    expect(top1).toBeCloseTo(await byHand(), 10);
    expect(all).toBeCloseTo(
      await byHand((x) => x.add(new transforms.Normalize([0, 0, 0], std).forward(x.mul(0).add(50 / 255)))),
      10,
    );
    expect(red).toBeCloseTo(
      await byHand((x) => {
        const changed = x.clone();
        changed.select(0, 0).add_(50 / 255 / (std[0] as number));
        return changed;
      }),
      10,
    );
    expect(scaled).toBeCloseTo(await byHand((x) => x.mul(1.5)), 10);
  });

  it('corrupts the same images for every network, however they are batched', async () => {
    const two = { checkpoint: [file('first.pth'), file('first.pth'), file('second.pth')] };
    const options = { corruptions: 'gaussian_noise, fog', json: true };
    const found = JSON.parse((await run('data', { ...two, ...options })).stdout).results;
    const [first, again, second] = found.map((one: { corruptions: unknown }) => one.corruptions);
    expect(again).toEqual(first);
    expect(second).not.toEqual(first);
    expect(first).toMatchObject({
      seed: 0,
      kinds: [{ corruption: 'gaussian_noise' }, { corruption: 'fog' }],
    });
    expect(first).not.toHaveProperty('mCE');
    for (const { severities, meanError } of first.kinds) {
      const errors = severities.map((one: { top1Error: number }) => one.top1Error);
      expect(severities.map((one: { severity: number }) => one.severity)).toEqual([1, 2, 3, 4, 5]);
      expect(meanError).toBeCloseTo(errors.reduce((sum: number, error: number) => sum + error, 0) / 5, 10);
    }
    expect(first.meanError).toBeCloseTo((first.kinds[0].meanError + first.kinds[1].meanError) / 2, 10);
    const one = JSON.parse((await run('data', { ...options, batchSize: 1 })).stdout).results[0];
    expect(one.corruptions).toEqual(first);
  });

  it('comes to the error of corrupted images that one comes to by hand', async () => {
    const { stdout } = await run('data', { corruptions: 'contrast', json: true });
    const [{ severities }] = JSON.parse(stdout).results[0].corruptions.kinds;
    const model = models.resnet18_ibn_a(SMALL).eval();
    checkpoint.loadInto(model, file('first.pth'));
    const shape = new transforms.Compose([new transforms.Resize(40), new transforms.CenterCrop(32)]);
    let wrong = 0;
    for (const [path, label] of paths) {
      const image = await corruptions.corrupt(shape.forward(await decodeImage(path)), 'contrast', 5);
      const x = transforms.imagenetEval({ resize: 32, crop: 32 }).forward(image).unsqueeze(0);
      const named = inferenceMode(() => model.forward(x)).argmax(1);
      wrong += Number(named.item()) === label ? 0 : 1;
    }
    expect(severities[4]).toEqual({
      severity: 5,
      samples: 9,
      top1Error: 100 - (100 * (9 - wrong)) / 9,
      top5Error: null,
    });
  });

  it('prints and writes the errors under all corruptions', async () => {
    const output = file('results/corrupted');
    const { stdout } = await run('data', { corruptions: true, output, robustness: true });
    const lines = stdout.slice(stdout.indexOf(' top-1 error at severity')).trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ top-1 error at severity +1 +2 +3 +4 +5 +mean$/);
    expect(lines.slice(1, 15).map((line) => line.trim().split(/ +/)[0])).toEqual(corruptions.CORRUPTIONS);
    expect(lines.slice(15)).toEqual([
      expect.stringMatching(/^ mean corruption error, unnormalised, over 14 kinds: \d+\.\d\d$/),
    ]);
    expect(stdout).toContain(' std x1.5 ');
    const rows = readFileSync(join(output, 'first-corruptions.csv'), 'utf8').trimEnd().split('\n');
    expect(rows[0]).toBe('corruption,severity,samples,top1_error,top5_error');
    expect(rows).toHaveLength(71);
    expect(rows[70]).toMatch(/^jpeg_compression,5,9,[\d.]+,$/);
  });

  it('refuses unknown corruptions before it loads a network', async () => {
    await expect(run('data', { corruptions: 'fog,snw', checkpoint: [file('none.pth')] })).rejects.toThrow(
      'Expected names of corruptions behind --corruptions, got "snw"; did you mean snow?',
    );
  });

  it('names images that cannot be read once, leaves them out and counts them', async () => {
    const both = { checkpoint: [file('first.pth'), file('second.pth')] };
    const { code, stdout, stderr } = await run('damaged', both);
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringContaining('<scratch>/damaged/red/3.jpg: not a readable image'),
    ]);
    expect(stdout).toContain(
      '9 images of 3 classes in <scratch>/damaged\n1 more could not be read and are left out\n',
    );
    expect((await run('damaged', { skipUnreadable: true })).code).toBe(0);
  });

  it('refuses folders that the checkpoint has no class for', async () => {
    mkdirSync(file('other/rad'), { recursive: true });
    cpSync(file('data/val/red/0.JPEG'), file('other/rad/0.JPEG'));
    await expect(run('other')).rejects.toThrow(
      `Expected folders with names from the checkpoint's classes, got "rad" (near "red"); rename them, or pass --classes FILE`,
    );
    await expect(run('other', { checkpoint: [file('first-unnamed.pth')] })).rejects.toThrow(
      "Expected a folder for each of the network's 3 classes, got 1; a name for each of its classes (--classes FILE",
    );
    await expect(run('nowhere')).rejects.toThrow('Expected a folder for each class in');
    expect((await run('data', { checkpoint: [file('first-unnamed.pth')] })).stdout).toContain(
      'matched by place',
    );
  });
});

describe('errors under corruptions', () => {
  const counted = (errors: readonly number[]) =>
    errors.map((wrong) => {
      const count = new ErrorCount();
      const scores = zeros([10, 6]);
      scores.select(1, 0).fill_(1);
      const target = tensor(
        Array.from({ length: 10 }, (_, i) => (i < wrong ? 5 : 0)),
        { dtype: 'int64' },
      );
      count.update(scores, target);
      count.update(scores, target);
      return count;
    });
  const conditions = corruptedConditions('fog,brightness', 0);
  const counts = counted([1, 2, 3, 4, 5, 0, 0, 5, 5, 10]);

  it("are AlexNet's in per cent for ImageNet's classes", () => {
    const { kinds, meanError, mCE } = corruptionErrors(conditions, counts, { seed: 0, isImageNet: true });
    expect(kinds.map((kind) => kind.meanError)).toEqual([30, 40]);
    expect(meanError).toBe(35);
    expect(kinds[0]?.relativeError).toBeCloseTo(3000 / 81.9324, 10);
    expect(kinds[1]?.relativeError).toBeCloseTo(4000 / 56.4592, 10);
    expect(mCE).toBeCloseTo((3000 / 81.9324 + 4000 / 56.4592) / 2, 10);
    expect(kinds[1]?.severities[4]).toMatchObject({ severity: 5, samples: 20, top1Error: 100 });
  });

  it('are divided by those of AlexNet, kind by kind', () => {
    const all = corruptedConditions(true, 0);
    expect(all).toHaveLength(70);
    const whole = all.map(() => counted([10])[0] as ErrorCount);
    const { kinds } = corruptionErrors(all, whole, { seed: 0, isImageNet: true });
    const published = kinds.map(({ relativeError }) => Math.round(10_000 / (relativeError as number)));
    expect(published).toEqual([89, 89, 92, 82, 83, 79, 80, 87, 82, 56, 85, 65, 72, 61]);
  });
});

describe('folders and classes', () => {
  it("are matched by number for ImageNet's, all of them or some", () => {
    const imagenet = { classes: IMAGENET_CLASSES, namesFrom: 'imagenet' } as const;
    expect(matchLabels(['n01440764', 'n03417042', 'n02102040'], imagenet)).toEqual({
      by: 'WordNet number',
      labels: [0, 569, 217],
    });
    expect([IMAGENET_CLASSES[0], IMAGENET_CLASSES[569], IMAGENET_CLASSES[217]]).toEqual([
      'tench',
      'garbage truck',
      'English springer',
    ]);
    expect(() => matchLabels(['n01440764', 'cats'], imagenet)).toThrow('1000 classes, got 2');
  });
});

describe('networks to evaluate', () => {
  it('are pairs of models and checkpoints', () => {
    expect(contestants({ model: ['a', 'b'], pretrained: true }).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(contestants({ model: ['a'], checkpoint: ['x/best.pth.tar', 'y/best.pth'] })).toEqual([
      { name: 'best', model: 'a', checkpoint: 'x/best.pth.tar' },
      { name: 'best-2', model: 'a', checkpoint: 'y/best.pth' },
    ]);
    expect(contestants({ checkpoint: ['x.pth'] })).toEqual([
      { name: 'x', model: undefined, checkpoint: 'x.pth' },
    ]);
  });

  it('say what is missing or too much', () => {
    expect(() => contestants({})).toThrow('Expected --checkpoint FILE, or --pretrained');
    expect(() => contestants({ pretrained: true })).toThrow('Expected --model beside --pretrained');
    expect(() => contestants({ pretrained: true, checkpoint: ['a'] })).toThrow('got both');
    expect(() => contestants({ model: ['a', 'b'], checkpoint: ['x', 'y', 'z'] })).toThrow(
      'for each of 3 checkpoints',
    );
  });
});
