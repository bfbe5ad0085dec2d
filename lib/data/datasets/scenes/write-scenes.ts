import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathOf, writeAtomically } from '../../../atomic-file.ts';
import { checkCount, checkFunction, checkOptions, checkPositions } from '../../../options.ts';
import { scope } from '../../../tensor/index.ts';
import { DatasetError } from '../../errors.ts';
import { writePng } from '../../png.ts';
import { checkUnseen, EMOJI_STYLES } from '../emoji-styles/index.ts';
import { SCENE_CLASSES } from './classes.ts';
import { checkPhotographs, checkStyle, LOOK, readLook, type SceneLook } from './options.ts';
import { ScenePainter } from './painter.ts';
import { findPhotographs, type Photograph } from './photographs.ts';

/** A domain of scenes: whose hand draws, and on which photographs. */
export interface SceneDomain {
  style: string;
  /** Files, or a folder that is searched through; at least two. */
  photographs: string | readonly string[];
}

/** Options of {@link writeScenes}. */
export interface WriteScenesOptions extends SceneLook {
  /** What is trained on. */
  a: SceneDomain;
  /** What is tested on: another hand, other photographs. */
  b: SceneDomain;
  /** Scenes of each domain's `train`. Default 400. */
  train?: number;
  /** Scenes of each domain's `val`. Default 100. */
  val?: number;
  /** Told after each scene. */
  onScene?: (done: number, all: number) => void;
}

/** What {@link writeScenes} did. */
export interface WrittenScenes {
  /** Scenes that were painted now; the others were there. */
  readonly written: number;
  readonly all: number;
}

/**
 * Writes two domains of scenes as folders for `segment.loadData('folder', ...)` and `ibn-net segment`: `a` and `b`, in each
 * `images` and `masks`, in them `train` and `val`, and `classes.txt`. Every fourth photograph of a domain is for its `val`: none is on two
 * sides, and none is in two domains. `scenes.json` in each part says of what it is made. Ended at any moment, the same
 * call goes on; a folder of other scenes is an error.
 *
 * @throws RangeError for two domains by one hand; DatasetError `ERR_DATASET_SHARED` for a photograph in both
 * @example
 * await datasets.writeScenes('scenes', {
 *   a: { style: 'noto', photographs: 'photographs/mate' },
 *   b: { style: 'twemoji', photographs: 'photographs/lomiri' },
 * });
 */
export async function writeScenes(folder: string | URL, options: WriteScenesOptions): Promise<WrittenScenes> {
  checkPositions('writeScenes', arguments, 2);
  const root = pathOf(folder, 'writeScenes');
  const { a, b, train, val, onScene, look } = readWriting(options);
  const domains = Object.entries({ a, b }).map(([name, domain]) => ({
    ...{ name, style: domain.style, photographs: photographsOf(name, domain) },
  }));
  checkApart(domains.map(({ photographs }) => photographs));
  const all = 2 * (train + val);
  let written = 0;
  let done = 0;
  const told = (isNew: boolean) => {
    if (isNew) written++;
    onScene?.(++done, all);
  };
  for (const { name, style, photographs } of domains) {
    const painter = await ScenePainter.load(style, photographs, look);
    await writePart(join(root, name), 'train', forTraining(painter), train, told);
    await writePart(join(root, name), 'val', forTesting(painter), val, told);
  }
  return { written, all };
}

const isForTesting = (_: Photograph, i: number) => i % 4 === 1;

/** Seeds differ, so that scenes of `val` are others. */
const forTraining = (painter: ScenePainter) =>
  painter.with(
    painter.photographs.filter((each, i) => !isForTesting(each, i)),
    2 * painter.look.seed,
  );

const forTesting = (painter: ScenePainter) =>
  painter.with(painter.photographs.filter(isForTesting), 2 * painter.look.seed + 1);

function readWriting(options: WriteScenesOptions) {
  checkOptions('writeScenes', options ?? null, ['a', 'b', 'train', 'val', 'onScene', ...LOOK]);
  const { a, b, train = 400, val = 100, onScene, ...rest } = options;
  for (const [name, domain] of Object.entries({ a, b })) {
    checkOptions(`writeScenes ${name}`, domain ?? null, ['style', 'photographs']);
    checkStyle(`writeScenes ${name}.style`, domain.style);
    checkPhotographs(`writeScenes ${name}.photographs`, domain.photographs);
  }
  checkUnseen([a.style], [b.style], true);
  checkCount('writeScenes', 'train', train);
  checkCount('writeScenes', 'val', val);
  if (onScene !== undefined) checkFunction('writeScenes onScene', onScene);
  return { a, b, train, val, onScene, look: readLook('writeScenes', rest) };
}

function photographsOf(name: string, { photographs }: SceneDomain): Photograph[] {
  const found = findPhotographs(photographs);
  if (found.length >= 2) return found;
  throw new DatasetError(
    `Expected at least 2 photographs for writeScenes ${name}, one to test on, got ${found.length}`,
    { code: 'ERR_DATASET_EMPTY', path: String(photographs) },
  );
}

function checkApart(domains: readonly (readonly Photograph[])[]): void {
  const [first = [], second = []] = domains;
  for (const { digest, path } of second) {
    const other = first.find((each) => each.digest === digest);
    if (other !== undefined)
      throw new DatasetError(
        `Expected no photograph in both domains for writeScenes, got ${other.path} and ${path}, which are equal; leave one out`,
        { code: 'ERR_DATASET_SHARED', path },
      );
  }
}

async function writePart(
  folder: string,
  split: string,
  painter: ScenePainter,
  length: number,
  told: (isNew: boolean) => void,
): Promise<void> {
  const [images, masks] = ['images', 'masks'].map((name) => join(folder, name, split)) as [string, string];
  for (const path of [images, masks]) mkdirSync(path, { recursive: true });
  claim(join(folder, `scenes-${split}.json`), painter, length);
  writeText(join(folder, 'classes.txt'), `${SCENE_CLASSES.join('\n')}\n`);
  for (let index = 0; index < length; index++) {
    const name = `${String(index).padStart(6, '0')}.png`;
    const [imagePath, maskPath] = [join(images, name), join(masks, name)];
    const isThere = existsSync(imagePath) && existsSync(maskPath);
    if (!isThere) await writeScene(painter, index, imagePath, maskPath);
    told(!isThere);
  }
}

async function writeScene(
  painter: ScenePainter,
  index: number,
  imagePath: string,
  maskPath: string,
): Promise<void> {
  const { image, mask } = painter.paint(index);
  const labels = scope(() => mask.unsqueeze(0));
  await writePng(image, imagePath);
  await writePng(labels, maskPath, { compressionLevel: 9 });
  for (const each of [image, mask, labels]) each.dispose();
}

/** A folder belongs to one kind of scenes: what was begun otherwise is not gone on with. */
function claim(path: string, painter: ScenePainter, length: number): void {
  const style = EMOJI_STYLES.find(({ name }) => name === painter.style);
  const about = { licence: style?.licence, author: style?.author };
  const text = `${JSON.stringify({ ...painter.describe(), length, ...about }, null, 1)}\n`;
  if (!existsSync(path)) writeText(path, text);
  else if (readFileSync(path, 'utf8') !== text)
    throw new DatasetError(
      `Expected a new folder, or one of the same scenes, for writeScenes, got ${path} of others; choose another`,
      { code: 'ERR_DATASET_OTHER', path },
    );
}

const writeText = (path: string, text: string) => writeAtomically(path, (sink) => sink(Buffer.from(text)));
