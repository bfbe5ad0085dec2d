import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { models, save, type Tensor } from '../lib/index.ts';
import { type DocBlock, docBlocks, pages } from './helpers/doc-blocks.ts';
import { root } from './helpers/index.ts';

const blocks = pages.flatMap(docBlocks);
const fileName = ({ name }: DocBlock) => name.replace(/\W+/g, '-');

/** In the repository, where the package's name is its own. */
let folder: string;
/** What the programs find beside them: a photo, weights as if downloaded, a folder of images. */
let place: string;

beforeAll(async () => {
  folder = mkdtempSync(join(root, 'test/docs-blocks-'));
  place = join(folder, 'place');
  const checkpoints = join(place, 'torch/hub/checkpoints');
  for (const label of ['cat', 'dog']) mkdirSync(join(place, 'photos/train', label), { recursive: true });
  mkdirSync(checkpoints, { recursive: true });
  const photo = await sharp(join(root, 'assets/images/4-shirt.png')).resize(300, 260).toColourspace('srgb');
  await photo.jpeg().toFile(join(place, 'photo.jpg'));
  for (const name of ['cat/a.jpg', 'cat/b.jpg', 'dog/a.jpg', 'dog/b.jpg']) {
    copyFileSync(join(place, 'photo.jpg'), join(place, 'photos/train', name));
  }
  const resnet50 = models.resnet50_ibn_a().stateDict();
  save({ state_dict: resnet50 }, join(place, 'model_best.pth.tar'));
  save(resnet50, join(place, 'resnet50_ibn_a-d9d0bb7b.pth'));
  const resnet18 = models.resnet18_ibn_a().stateDict();
  const files = {
    resnet18_ibn_a: inCache(resnet18, checkpoints),
    resnet50_ibn_a: inCache(resnet50, checkpoints),
  };
  writeFileSync(join(folder, 'stand-in.mjs'), standIn(files));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Random weights as if downloaded: the name of the file has its hash. */
function inCache(weights: Map<string, Tensor>, checkpoints: string): string {
  const path = join(checkpoints, 'weights.pth');
  save(weights, path);
  const name = `weights-${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 8)}.pth`;
  renameSync(path, join(checkpoints, name));
  return name;
}

/** A module that says the random weights to be the published ones. */
function standIn(files: Record<string, string>): string {
  return `import { models } from 'ibn-net';
for (const [name, file] of Object.entries(${JSON.stringify(files)})) {
  Object.assign(models.publishedWeights[name], { file, sha256Prefix: /-(.*)\\./.exec(file)[1] });
}
`;
}

describe('the code of README and docs', () => {
  it('is found', () => {
    expect(blocks.length).toBeGreaterThan(25);
    expect(blocks.filter(({ checkOnly }) => checkOnly === undefined).length).toBeGreaterThan(15);
  });

  it('is strict TypeScript', () => {
    for (const block of blocks) writeFileSync(join(folder, `${fileName(block)}.ts`), block.source);
    const compilerOptions = {
      strict: true,
      noEmit: true,
      module: 'nodenext',
      target: 'es2022',
      lib: ['es2023', 'esnext.disposable'],
      types: ['node'],
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      paths: { 'ibn-net': ['../../lib/index.ts'], 'ibn-net/testing': ['../../lib/testing/index.ts'] },
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' });
    expect(stdout).toBe('');
  });

  for (const block of blocks) {
    const { name, source, checkOnly } = block;
    it.skipIf(checkOnly !== undefined)(`runs: ${name}${checkOnly ? ` (${checkOnly})` : ''}`, () => {
      const { code } = transformSync(source, { loader: 'ts', format: 'esm', target: 'node20.19' });
      const file = join(folder, `${fileName(block)}.mjs`);
      writeFileSync(file, code);
      const env = { ...process.env, TORCH_HOME: join(place, 'torch'), IBN_NET_OFFLINE: '1' };
      const run = spawnSync(
        process.execPath,
        ['--import', pathToFileURL(join(folder, 'stand-in.mjs')).href, file],
        {
          cwd: place,
          env,
          encoding: 'utf8',
        },
      );
      expect(run.status === 0 ? '' : run.stderr).toBe('');
    });
  }
});
