import { statSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import { cudaInfo } from '../../tensor/index.ts';
import { CheckpointFolder } from '../../train/run/checkpoint-folder.ts';
import { describeFile } from '../recipe.ts';
import type { RunReport } from './run-report.ts';
import type { Told } from './settled-options.ts';

/** `curves.svg`: the figures over the epochs so far. */
export async function drawCurves(output: string, report: RunReport): Promise<void> {
  const [{ readRun }, { curvesSvg }] = await Promise.all([
    import('../../train/report/run-folder.ts'),
    import('../../train/report/curves.ts'),
  ]);
  await report.attempt('The curves could not be drawn', async () => {
    const svg = await curvesSvg([await readRun(output)]);
    writeAtomically(join(output, 'curves.svg'), (sink) => sink(Buffer.from(svg)));
  });
}

export function requireDevice(device: string): void {
  const reason = device.startsWith('cuda') ? cudaInfo().reason : null;
  if (reason !== null)
    throw new RangeError(`Expected a CUDA device for --device ${device}, got none: ${reason}`);
}

/** The file that the run goes on from. A run's folder is not begun anew by mistake. */
export function resumedFile({ given: { output }, resume }: Told): string | undefined {
  if (output === undefined || output === null) return resume === 'auto' ? undefined : resume;
  const found = new CheckpointFolder(output, 1).candidates();
  if (resume === 'auto') return found.find(isReadable) ?? found[0];
  if (resume !== undefined) {
    if (statSync(resume, { throwIfNoEntry: false })) return resume;
    throw new RangeError(`Expected auto or a file for --resume, got "${resume}", which is not there`);
  }
  if (found.length === 0) return undefined;
  throw new RangeError(
    `Expected a folder without a run for --output, got ${output}, which has ${found[0]}; pass --resume auto to go on, or ` +
      'another folder',
  );
}

function isReadable(path: string): boolean {
  try {
    describeFile(path);
    return true;
  } catch {
    return false; // the trainer says so, and takes the one before it
  }
}
