import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import * as checkpoint from '../../lib/checkpoint/index.ts';
import { type ClassifyOptions, classify, registerClassify } from '../../lib/cli/classify/classify.ts';
import { Classifier } from '../../lib/cli/network/classifier.ts';
import { decodeImage, transforms } from '../../lib/data/index.ts';
import * as models from '../../lib/models/index.ts';
import { cudaInfo, inferenceMode, manualSeed, type Tensor } from '../../lib/tensor/index.ts';
import { fixture } from '../data/helpers.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-classify-'));
const full = join(scratch, 'resnet18_ibn_a.pth');
const small = join(scratch, 'small.pth');
const SMALL = { numClasses: 4, inChannels: 3, widths: [8, 8, 8, 8], stem: 'small' } as const;

beforeAll(() => {
  manualSeed(0);
  const published = models.resnet18_ibn_a();
  const parallel = [...published.stateDict()].map(([key, value]) => [`module.${key}`, value] as const);
  checkpoint.save({ epoch: 1, state_dict: new Map(parallel) }, full);
  checkpoint.save(
    {
      state_dict: models.resnet18_ibn_a(SMALL).stateDict(),
      arch: 'resnet18_ibn_a',
      args: { options: SMALL, input: { resize: 40, crop: 32 } },
      classes: ['ant', 'bee', 'cat', 'dog'],
    },
    small,
  );
  mkdirSync(join(scratch, 'photos/deep'), { recursive: true });
  cpSync(fixture('images/modes/422.jpg'), join(scratch, 'photos/b.jpg'));
  cpSync(fixture('images/modes/rgba.png'), join(scratch, 'photos/deep/a.PNG'));
  cpSync(fixture('images/modes/gray.png'), join(scratch, 'photos/a.png'));
  writeFileSync(join(scratch, 'photos/readme.txt'), 'no image');
  writeFileSync(join(scratch, 'broken.jpg'), 'no image either');
});
afterAll(() => rmSync(scratch, { recursive: true }));

async function* bytesOf(path: string) {
  yield readFileSync(path);
}

async function run(paths: string[], options: Partial<ClassifyOptions> = {}, stdin = '') {
  const out = { stdout: '', stderr: '' };
  const code = await classify(
    paths,
    { checkpoint: small, top: 5, device: 'cpu', batchSize: 2, ...options },
    {
      stdin: bytesOf(stdin),
      stdout: { write: (text) => (out.stdout += text) },
      stderr: { write: (text) => (out.stderr += text) },
    },
  );
  const clean = (text: string) => text.replaceAll(scratch, '<scratch>');
  return { code, stdout: clean(out.stdout), stderr: clean(out.stderr) };
}

const lines = (text: string) => text.trimEnd().split('\n');
const json = (text: string) => lines(text).map((line) => JSON.parse(line));

describe('classify', () => {
  it('prints the classes of a photo with a 1,000-class checkpoint trained in parallel', async () => {
    const photo = fixture('images/chelsea.png');
    const { code, stdout, stderr } = await run([photo], {
      checkpoint: full,
      model: 'resnet18_ibn_a',
      json: true,
    });
    expect([code, stderr]).toEqual([0, '']);
    const [result] = json(stdout);
    expect(result.path).toBe(photo);
    expect(result.predictions).toHaveLength(5);

    const { state_dict } = checkpoint.load<{ state_dict: Map<string, Tensor> }>(full);
    const model = models.resnet18_ibn_a();
    model.loadStateDict(state_dict, { stripPrefix: 'module.' });
    model.eval();
    const x = transforms
      .imagenetEval()
      .forward(await decodeImage(photo))
      .unsqueeze(0);
    const probabilities = inferenceMode(() => model.forward(x).softmax(1));
    const [values, indices] = probabilities.topk(5, 1);
    expect(result.predictions.map((guess: { index: number }) => guess.index)).toEqual(
      indices.flatten().toArray(),
    );
    const expected = values.flatten().toArray() as number[];
    for (const [rank, guess] of result.predictions.entries()) {
      expect(guess.probability).toBeCloseTo(expected[rank] as number, 5);
      expect(guess.class).toMatch(/[a-z]/);
    }
  });

  it('searches folders, keeps the order, reports what is unreadable and goes on', async () => {
    const { code, stdout, stderr } = await run(
      [join(scratch, 'broken.jpg'), join(scratch, 'photos'), join(scratch, 'none.jpg')],
      { json: true, top: 1 },
    );
    expect(code).toBe(1);
    expect(json(stdout).map(({ path }) => path)).toEqual([
      '<scratch>/photos/a.png',
      '<scratch>/photos/b.jpg',
      '<scratch>/photos/deep/a.PNG',
    ]);
    expect(lines(stderr)).toMatchInlineSnapshot(`
      [
        "<scratch>/broken.jpg: not a readable image (it begins with the bytes 6e6f20696d616765, as no readable format does); pass an undamaged JPEG, PNG, WebP, GIF, TIFF, BMP, PNM or AVIF",
        "<scratch>/none.jpg: no such file; check the path",
        "2 of 5 images could not be read",
      ]
    `);
  });

  it('reports a loop of links as torchvision cannot, and goes on', async () => {
    const folder = join(scratch, 'looped');
    mkdirSync(folder);
    symlinkSync('.', join(folder, 'again'));
    const { code, stdout, stderr } = await run([folder, fixture('images/modes/422.jpg')], { json: true });
    expect([code, json(stdout).length]).toEqual([1, 1]);
    expect(lines(stderr)).toMatchInlineSnapshot(`
      [
        "Expected folders without loops, got <scratch>/looped/again, a link to a folder that it lies in (.); remove the link",
      ]
    `);
  });

  it('finds and reads every format in a folder, whatever its letter case', async () => {
    const folder = join(scratch, 'formats');
    mkdirSync(folder);
    const { files } = JSON.parse(gunzipSync(readFileSync(fixture('data/nasty-images.json.gz'))).toString());
    const kinds = [
      'RGB.jpg',
      'RGB.png',
      'RGB.webp',
      'P.gif',
      'RGB.tif',
      'RGB.bmp',
      'RGB.dib',
      'RGB.pnm',
      'RGB.avif',
    ];
    for (const kind of kinds) {
      const name = join(folder, kind.replace('RGB.pnm', 'RGB.PPM'));
      writeFileSync(name, Buffer.from(files[`mode-${kind}`].data, 'base64'));
    }
    writeFileSync(join(folder, 'notes.txt'), '');
    const { code, stdout, stderr } = await run([folder], { json: true });
    expect([code, json(stdout).length, stderr]).toEqual([0, kinds.length, '']);
  });

  it('finds and prints images whose names are not UTF-8', async () => {
    const folder = join(scratch, 'bytes');
    mkdirSync(folder);
    const name = Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0x61, 0xff), Buffer.from('.jpg')]);
    writeFileSync(name, readFileSync(fixture('images/modes/422.jpg')));
    expect(json((await run([folder], { json: true })).stdout)[0].path).toBe('<scratch>/bytes/a\udcff.jpg');
    const written: (string | Uint8Array)[] = [];
    const stdout = { write: (text: string | Uint8Array) => written.push(text) };
    const streams = { stdin: bytesOf(''), stdout, stderr: { write: () => true } };
    await classify([folder], { checkpoint: small, top: 1, device: 'cpu', batchSize: 1 }, streams);
    expect(Buffer.from(written[0] as Uint8Array).subarray(0, name.length)).toEqual(name);
  });

  it('reads an image from standard input', async () => {
    const { code, stdout } = await run(['-'], { json: true }, fixture('images/modes/422.jpg'));
    const direct = await run([fixture('images/modes/422.jpg')], { json: true });
    expect(code).toBe(0);
    expect(json(stdout)[0].path).toBe('-');
    expect(json(stdout)[0].predictions).toEqual(json(direct.stdout)[0].predictions);
  });

  it('prints a short list for people, with the names that the checkpoint holds', async () => {
    const { stdout } = await run([fixture('images/modes/422.jpg')], { top: 2 });
    expect(stdout).toMatch(
      /^.*422\.jpg\n +\d+\.\d % {2}(ant|bee|cat|dog)\n +\d+\.\d % {2}(ant|bee|cat|dog)\n$/,
    );
  });

  it('takes class names from a file and prints numbers where there are none', async () => {
    const names = join(scratch, 'names.txt');
    writeFileSync(names, 'w\nx\ny\nz\n');
    const named = await run([fixture('images/modes/422.jpg')], { classes: names, json: true });
    expect(json(named.stdout)[0].predictions[0].class).toMatch(/^[w-z]$/);
    writeFileSync(names, '["one"]');
    await expect(run([], { classes: names })).rejects.toThrow(`Expected 4 class names in ${names}, got 1`);
    const bare = join(scratch, 'bare.pth');
    const { numClasses, widths, stem } = SMALL;
    checkpoint.save(models.resnet18_ibn_a({ numClasses: 7 }).stateDict(), bare);
    const numbered = await run([fixture('images/modes/422.jpg')], {
      checkpoint: bare,
      model: 'resnet18_ibn_a',
      json: true,
    });
    const [guess] = json(numbered.stdout)[0].predictions;
    expect(guess.class).toBe(String(guess.index));
    expect([numClasses, widths.length, stem]).toEqual([4, 4, 'small']);
  });

  it('ends with 0 though images could not be read where that is asked for, and counts them', async () => {
    const paths = [join(scratch, 'broken.jpg'), join(scratch, 'photos'), join(scratch, 'none.jpg')];
    const { code, stdout, stderr } = await run(paths, { json: true, skipUnreadable: true });
    expect([code, lines(stdout).length]).toEqual([0, 3]);
    expect(lines(stderr).at(-1)).toBe('2 of 5 images could not be read');
    const missing = await run([join(scratch, 'nothing-here/')], { skipUnreadable: true });
    expect([missing.code, missing.stderr]).toEqual([
      0,
      '<scratch>/nothing-here/: no such file; check the path\n',
    ]);
  });

  it('tells of an unknown model before it reads the file', async () => {
    const attempt = run([], { checkpoint: join(scratch, 'absent.pth'), model: 'resnet50_ibn_c' });
    await expect(attempt).rejects.toThrow(
      'Unknown model "resnet50_ibn_c"; did you mean resnet50_ibn_a or resnet50_ibn_b?',
    );
  });

  it('gives one image the same probabilities in a batch as alone', async () => {
    const folder = join(scratch, 'photos');
    const together = json((await run([folder], { json: true, batchSize: 3 })).stdout);
    const alone = json((await run([folder], { json: true, batchSize: 1 })).stdout);
    for (const [i, { predictions }] of together.entries()) {
      expect(predictions[0].index).toBe(alone[i].predictions[0].index);
      expect(predictions[0].probability).toBeCloseTo(alone[i].predictions[0].probability, 5);
    }
  });

  it('shows progress on a terminal for many images, and takes the line away for results', async () => {
    const many = Array.from({ length: 9 }, () => fixture('images/modes/422.jpg'));
    const screen: string[] = [];
    const write = (text: string) => screen.push(text);
    const streams = { stdin: bytesOf(''), stdout: { write }, stderr: { write, isTTY: true } };
    const options = { checkpoint: small, top: 1, device: 'cpu', batchSize: 5 };
    expect(await classify(many, options, streams)).toBe(0);
    const bars = screen.filter((text) => text.includes('/9 images'));
    expect(bars).toHaveLength(2);
    expect(bars[0]).toContain(' 0/9 images');
    expect(bars[1]).toMatch(/ 5\/9 images, \d+ s left$/);
    for (const [i, text] of screen.entries()) {
      if (text.includes('/9 images')) expect(screen[i + 1]).toBe('\r\x1b[K');
    }
  });

  it('keeps the progress line while the next batch is computed', async () => {
    const events: string[] = [];
    const { predict } = Classifier.prototype;
    const spy = vi.spyOn(Classifier.prototype, 'predict').mockImplementation(function (
      this: Classifier,
      ...args
    ) {
      events.push('predict');
      return predict.apply(this, args);
    });
    onTestFinished(() => spy.mockRestore());
    const write = (text: string | Uint8Array) => {
      const shown = String(text);
      events.push(shown === '\r\x1b[K' ? 'clear' : shown.includes(' images') ? 'draw' : 'print');
    };
    const streams = { stdin: bytesOf(''), stdout: { write }, stderr: { write, isTTY: true } };
    const many = Array.from({ length: 30 }, () => fixture('images/modes/422.jpg'));
    await classify(many, { checkpoint: small, top: 1, device: 'cpu', batchSize: 5 }, streams);
    expect(events.filter((event) => event === 'predict')).toHaveLength(6);
    // From where the line is taken away to where it is back nothing is computed.
    const printing = events.join(' ').match(/clear( print){5}( draw)?/g);
    expect(printing).toHaveLength(6);
    expect(printing?.filter((text) => text.endsWith('draw'))).toHaveLength(5);
  });

  it('refuses an unknown model with near names, a missing model, an empty folder and absent CUDA', async () => {
    const messages = await Promise.all(
      [
        run([], { model: 'resnet18_ibn_c' }),
        run([], { checkpoint: full }),
        run([], { checkpoint: join(scratch, 'absent.pth') }),
      ].map((attempt) => attempt.then(String, (error) => `${error}`.replaceAll(scratch, '<scratch>'))),
    );
    expect(messages).toMatchInlineSnapshot(`
      [
        "RangeError: Unknown model "resnet18_ibn_c"; did you mean resnet18_ibn_a or resnet18_ibn_b?",
        "RangeError: Expected --model beside <scratch>/resnet18_ibn_a.pth, which names no network; pass --model NAME",
        "CheckpointError: absent.pth: could not be read: ENOENT: no such file or directory, open '<scratch>/absent.pth'",
      ]
    `);
    mkdirSync(join(scratch, 'nothing'), { recursive: true });
    const empty = await run([join(scratch, 'nothing')]);
    expect([empty.code, empty.stdout, empty.stderr]).toEqual([
      1,
      '',
      '<scratch>/nothing: no images in this folder; pass a file or another folder\n',
    ]);
  });
});

describe('classify, the command line', () => {
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

  function ibnNet(...args: string[]) {
    if (!existsSync(main)) throw new Error('Expected dist/cli/main.js; run "npm run build" first');
    const input = readFileSync(fixture('images/modes/422.jpg'));
    return spawnSync(process.execPath, [main, 'classify', '--checkpoint', small, ...args], {
      input,
      encoding: 'utf8',
    });
  }

  it('classifies standard input and files, with exit code 1 when one is unreadable', () => {
    const good = ibnNet('-', fixture('images/modes/422.jpg'), '--json', '--top', '2');
    expect([good.status, good.stderr]).toEqual([0, '']);
    const [first, second] = json(good.stdout);
    expect(first.predictions).toHaveLength(2);
    expect(first.predictions).toEqual(second.predictions);
    const bad = ibnNet(join(scratch, 'broken.jpg'), join(scratch, 'photos'), '--json');
    expect(bad.status).toBe(1);
    expect(lines(bad.stdout)).toHaveLength(3);
    expect(bad.stderr).toMatch(
      /^.*broken\.jpg: not a readable image \(it begins with .*\); pass an undamaged .*\n1 of 4 images could not be read\n$/,
    );
  });

  it('fails with one line for a wrong model and for absent CUDA', () => {
    const wrong = ibnNet('-', '--model', 'resnet18_ibn');
    expect([wrong.status, wrong.stdout, lines(wrong.stderr).length]).toEqual([1, '', 1]);
    expect(wrong.stderr).toContain('Unknown model "resnet18_ibn"; did you mean resnet18_ibn_a');
    if (cudaInfo().available) return;
    const absent = ibnNet('-', '--device', 'cuda');
    expect([absent.status, absent.stdout]).toEqual([1, '']);
    expect(absent.stderr).toMatch(/^Expected a CUDA device for --device cuda, got none: .+\n$/);
  });

  it('describes its options', () => {
    const program = new Command().name('ibn-net');
    registerClassify(program);
    const command = program.commands[0] as Command;
    expect(command.options.map((option) => option.long)).toEqual([
      '--model',
      '--checkpoint',
      '--top',
      '--json',
      '--batch-size',
      '--device',
      '--dtype',
      '--resize',
      '--crop',
      '--classes',
      '--strip-prefix',
      '--no-strict',
      '--split-norms',
      '--skip-unreadable',
    ]);
  });

  it('refuses options that are no number or no device', async () => {
    const parse = async (...args: string[]) => {
      const program = new Command()
        .name('ibn-net')
        .exitOverride()
        .configureOutput({ writeErr: () => {} });
      registerClassify(program);
      program.commands[0]?.exitOverride();
      return await program.parseAsync(['node', 'ibn-net', 'classify', 'x.jpg', ...args]).then(String, String);
    };
    expect([
      await parse('--checkpoint', 'x.pth', '--top', 'many'),
      await parse('--checkpoint', 'x.pth', '--device', 'tpu'),
      await parse('--modle', 'resnet18_ibn_a'),
    ]).toMatchInlineSnapshot(`
      [
        "CommanderError: error: option '--top <n>' argument 'many' is invalid. Expected a positive integer, got "many".",
        "CommanderError: error: option '--device <device>' argument 'tpu' is invalid. Allowed choices are cpu, cuda.",
        "CommanderError: error: unknown option '--modle'
      (Did you mean --model?)",
      ]
    `);
  });
});
