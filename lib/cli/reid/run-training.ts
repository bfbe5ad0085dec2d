import { join } from 'node:path';
import type { ReidData } from '../../reid/index.ts';
import { prepareRun, type ReidRun } from '../../reid/training/prepare.ts';
import { BEST_WEIGHTS, LAST_WEIGHTS } from '../../reid/training/published-files.ts';
import { configText } from '../../train/config/config-file.ts';
import type { FitResult } from '../../train/index.ts';
import { joinRanks, SILENT } from '../ranks.ts';
import { runToEnd, withOutput } from '../train/command-run.ts';
import { requireDevice, resumedFile } from '../train/run-folder.ts';
import { RunLogs } from '../train/run-logs.ts';
import { inOrder } from '../train/run-network.ts';
import { RunReport } from '../train/run-report.ts';
import { settledOptions, type Told } from '../train/settled-options.ts';
import type { TrainStreams } from '../train/train.ts';
import { openTestSet, openTrainingSet } from './test-sets.ts';
import { type ReidRunConfig, TRAIN_SPACE } from './train-options.ts';

/** All options, those among them that a run of the command must have. */
type Settled = ReidRunConfig & {
  readonly train: readonly string[];
  readonly output: string;
  readonly seed: number;
};

/** Trains; the exit code. */
export async function runReidTraining(told: Told, given: TrainStreams): Promise<number> {
  const ranks = await joinRanks();
  const streams = ranks.isFirst ? given : SILENT;
  const { default: sharp } = await import('sharp');
  sharp.concurrency(1); // many images are decoded at once
  const resumed = resumedFile(told);
  const options = settledOptions(told, resumed, TRAIN_SPACE) as unknown as ReidRunConfig;
  const config = await ranks.settle(completed(options));
  requireDevice(config.device);
  const train = config.train.map((text) => openTrainingSet(text, config));
  const test = (config.test ?? []).map((text) => openTestSet(text, config));
  const data = { train: { batchSize: config.batchSize }, unreadable: { train: 0, val: 0 } };
  const report = new RunReport(
    streams,
    new RunLogs(config.output, config.device, 'rank1'),
    data,
    config.epochs,
  );
  return await runToEnd({
    ...{ told, resumed, ranks, streams, report, output: config.output },
    configText: textOf(config),
    begin: async ({ signal }) => {
      const run = await prepareRun(config, {
        ...{ train, test, goesOn: resumed !== undefined, signal, extra: savedOptions(config) },
        callbacks: ranks.isFirst ? [counting(report, config), report] : [],
      });
      streams.stdout.write(opening(config, run, train, resumed));
      return run.trainer;
    },
    closing: (result) => closing(result, config),
  });
}

const textOf = ({ output: _, ...config }: Settled): string =>
  configText(config as never, 'npx ibn-net reid train --config FILE --output FOLDER', TRAIN_SPACE);

function completed(config: ReidRunConfig): Settled {
  const { train = [] } = config;
  if (train.length === 0)
    throw new RangeError('Expected --train SET, got none; such as market, or folder=shots with --pattern');
  return { ...withOutput(config), train };
}

/** What the run was told, for the checkpoint; where it lies changes nothing in it. */
function savedOptions({ modelOptions = {}, output: _, root: __, ...told }: Settled): Record<string, unknown> {
  return { args: inOrder({ ...told, options: modelOptions }) };
}

/** Before the report, which tells the images a second. */
function counting(report: RunReport, { batchSize }: Settled) {
  const worldSize = Number(process.env.WORLD_SIZE ?? 1);
  return { onStep: () => report.count(batchSize * worldSize) };
}

function opening(
  { model, device, seed, output, train, test = [] }: Settled,
  { trainingSet: { images, numClasses, numCameras }, batches }: ReidRun,
  sets: readonly ReidData[],
  resumed: string | undefined,
): string {
  const count = (value: number) => value.toLocaleString('en');
  return [
    `${model} on ${device}, ${count(numClasses)} identities`,
    `${count(images.length)} images of ${count(numCameras)} cameras in ${train.join(', ')}, ${count(batches)} batches an epoch`,
    `Evaluated on ${test.length === 0 ? 'nothing; pass --test' : test.join(', ')}`,
    ...sets.flatMap(({ name, differences }) => differences.map((text) => `${name}: ${text}`)),
    resumed === undefined
      ? `Seed ${seed}; checkpoints and logs in ${output}`
      : `Checkpoints and logs in ${output}`,
    '',
  ].join('\n');
}

function closing({ best }: FitResult, { output }: Settled): string {
  if (best === undefined) return `Trained; the weights are in ${join(output, LAST_WEIGHTS)}\n`;
  return `Best mAP: ${best.toFixed(2)}, in ${join(output, BEST_WEIGHTS)}\n`;
}
