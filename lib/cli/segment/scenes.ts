import { join } from 'node:path';
import { datasets } from '../../data/index.ts';
import { isRedrawable, StatusLine } from '../../net/status-line.ts';
import type { TrainStreams } from '../train/train.ts';

/** Options of {@link writeSceneFolders}, as commander gives them. */
export interface ScenesCommandOptions {
  handA: string;
  handB: string;
  photographsA: string;
  photographsB: string;
  train: number;
  val: number;
  size: number[];
  plain: number;
  seed: number;
  packages?: string;
  cache?: string;
}

/** Writes two domains of scenes into a folder: `a` to train on, `b` to test on. */
export async function writeSceneFolders(
  folder: string,
  options: ScenesCommandOptions,
  { stdout, stderr }: TrainStreams = process,
): Promise<void> {
  const { handA, handB, photographsA, photographsB, train, val, size, plain, seed, packages, cache } =
    options;
  const [height, width, ...more] = size;
  if (height === undefined || width === undefined || more.length > 0)
    throw new RangeError(`Expected height and width for --size, got ${size.join(' ')}`);
  const line = isRedrawable(stderr) ? new StatusLine(stderr) : undefined;
  const { written, all } = await datasets
    .writeScenes(folder, {
      a: { style: handA, photographs: photographsA },
      b: { style: handB, photographs: photographsB },
      ...{ train, val, size: [height, width], plain, seed },
      ...(packages === undefined ? {} : { packages }),
      ...(cache === undefined ? {} : { cache }),
      onScene: (done) => line?.draw({ share: done / (2 * (train + val)), count: `${done} scenes` }),
    })
    .finally(() => line?.clear());
  stdout.write(
    `${all} scenes in ${folder}, ${written} of them new: a by ${handA}, b by ${handB}; ` +
      `classes ${datasets.SCENE_CLASSES.join(', ')}\n` +
      `npx ibn-net segment train ${join(folder, 'a')} --val folder=${join(folder, 'b')} --model fcn/resnet18_ibn_b --crop ${height} ${width}\n`,
  );
}
