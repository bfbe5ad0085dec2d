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
import { models, save, type Tensor } from '../../lib/index.ts';
import { root } from './files.ts';

/** Where the programs of the documentation run. */
export interface DocsPlace {
  /** In the repository, where the package's name is its own. */
  folder: string;
  /** The compiler's complaints about `programs`, in strict mode; names without an ending. */
  typeErrors(programs: ReadonlyMap<string, string>): string;
  /** Runs a program beside a photo, weights as if downloaded, and a folder of images. */
  run(name: string, source: string): { status: number | null; stdout: string; stderr: string };
  /** Runs programs one after the other in one process, which loads libtorch once; what went wrong by name, else ''. */
  runAll(programs: ReadonlyMap<string, string>): ReadonlyMap<string, string>;
  remove(): void;
}

export async function makeDocsPlace(): Promise<DocsPlace> {
  const folder = mkdtempSync(join(root, 'test/docs-blocks-'));
  const place = join(folder, 'place');
  const checkpoints = join(place, 'torch/hub/checkpoints');
  for (const set of ['train', 'val'])
    for (const label of ['cat', 'dog']) mkdirSync(join(place, 'photos', set, label), { recursive: true });
  mkdirSync(checkpoints, { recursive: true });
  const photo = await sharp(join(root, 'assets/images/4-shirt.png')).resize(300, 260).toColourspace('srgb');
  await photo.jpeg().toFile(join(place, 'photo.jpg'));
  for (const name of ['cat/a.jpg', 'cat/b.jpg', 'dog/a.jpg', 'dog/b.jpg'])
    for (const set of ['train', 'val'])
      copyFileSync(join(place, 'photo.jpg'), join(place, 'photos', set, name));
  const resnet50 = models.resnet50_ibn_a().stateDict();
  save({ state_dict: resnet50 }, join(place, 'model_best.pth.tar'));
  for (const name of ['resnet50_ibn_a-d9d0bb7b.pth', 'resnet50_ibn_a.pth']) save(resnet50, join(place, name));
  const files = {
    resnet18_ibn_a: inCache(models.resnet18_ibn_a().stateDict(), checkpoints),
    resnet50_ibn_a: inCache(resnet50, checkpoints),
  };
  writeFileSync(join(folder, 'stand-in.mjs'), standIn(files));
  return {
    folder,
    typeErrors: (programs) => typeErrors(folder, programs),
    run: (name, source) => run(folder, name, source),
    runAll: (programs) => runAll(folder, programs),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

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

function typeErrors(folder: string, programs: ReadonlyMap<string, string>): string {
  for (const [name, source] of programs) writeFileSync(join(folder, `${name}.ts`), source);
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
  return spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' }).stdout;
}

function run(folder: string, name: string, source: string) {
  return start(folder, writeProgram(folder, name, source));
}

/** A program that ends the process, or never comes to its end, is run again by itself. */
function runAll(folder: string, programs: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  for (const [name, source] of programs) writeProgram(folder, name, source);
  const [runner, results] = [join(folder, 'run-all.mjs'), join(folder, 'results.jsonl')];
  writeFileSync(runner, runnerOf([...programs.keys()], results));
  writeFileSync(results, '');
  start(folder, runner);
  const lines = readFileSync(results, 'utf8').trimEnd().split('\n').filter(Boolean);
  const found = new Map<string, string>(lines.map((line) => JSON.parse(line)));
  for (const [name, source] of programs) {
    if (found.get(name) === '') continue;
    const { status, stderr } = run(folder, name, source);
    found.set(name, status === 0 ? '' : stderr || `status ${status}`);
  }
  return found;
}

function runnerOf(names: readonly string[], results: string): string {
  return `import { appendFileSync } from 'node:fs';
for (const name of ${JSON.stringify(names)}) {
  let problem = '';
  try {
    await import('./' + name + '.mjs');
  } catch (error) {
    problem = String(error?.stack ?? error);
  }
  appendFileSync(${JSON.stringify(results)}, JSON.stringify([name, problem]) + '\\n');
}
process.exit(0);
`;
}

function writeProgram(folder: string, name: string, source: string): string {
  const { code } = transformSync(source, { loader: 'ts', format: 'esm', target: 'node20.19' });
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, code);
  return file;
}

function start(folder: string, file: string) {
  const cwd = join(folder, 'place');
  const env = { ...process.env, TORCH_HOME: join(cwd, 'torch'), IBN_NET_OFFLINE: '1' };
  const args = ['--import', pathToFileURL(join(folder, 'stand-in.mjs')).href, file];
  return spawnSync(process.execPath, args, { cwd, env, encoding: 'utf8', timeout: 280_000 });
}
