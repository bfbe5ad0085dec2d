import { join } from 'node:path';
import { save } from '../../checkpoint/index.ts';
import { type parallel, utils } from '../../nn/index.ts';
import { swaUtils } from '../../optim/index.ts';
import { manualSeed } from '../../tensor/index.ts';
import { configText } from '../../train/config/config-file.ts';
import { STEPWISE } from '../../train/config/options.ts';
import {
  type Callbacks,
  type Figures,
  type FitResult,
  optimizerOf,
  scheduleOf,
  type TrainConfig,
  Trainer,
} from '../../train/index.ts';
import type { ImageNetwork } from '../network/network-runner.ts';
import { joinRanks, SILENT } from '../ranks.ts';
import { runToEnd, withData } from './command-run.ts';
import { type ImageBatch, type RunData, resizeOf, runData } from './run-data.ts';
import { runFigures } from './run-figures.ts';
import { requireDevice, resumedFile } from './run-folder.ts';
import { RunLogs } from './run-logs.ts';
import { freeze, runLoss } from './run-loss.ts';
import { inOrder, type RunNetwork, runNetwork } from './run-network.ts';
import { RunReport } from './run-report.ts';
import { plainOptions, settledOptions, type Told } from './settled-options.ts';
import type { TrainStreams } from './train.ts';

/** Beside `model_best.pth`, whose `state_dict` is not the average. */
const BEST_AVERAGE = 'model_best_ema.pth';

/** All options of a run, the places that it needs among them. */
type RunConfig = TrainConfig & { readonly data: string; readonly output: string; readonly seed: number };

/** Trains; the exit code. */
export async function runTraining(told: Told, given: TrainStreams): Promise<number> {
  const ranks = await joinRanks();
  const streams = ranks.isFirst ? given : SILENT;
  const { default: sharp } = await import('sharp');
  sharp.concurrency(1); // many images are decoded at once
  const resumed = resumedFile(told);
  const config = await ranks.settle(withData(settledOptions(told, resumed)));
  requireDevice(config.device);
  const data = runData(config.data, config);
  manualSeed(config.seed);
  const network = await runNetwork(config, data.classes.length, resumed);
  prepare(network.model, config);
  const report = new RunReport(streams, new RunLogs(config.output, config.device), data, config.epochs);
  streams.stdout.write(opening(config, data, network, resumed));
  return await runToEnd({
    ...{ told, resumed, ranks, streams, report, output: config.output },
    configText: textOf(config),
    begin: async (stop) => {
      const ddp = await ranks.distribute(network.model);
      const figures = (model: ImageNetwork) => runFigures(model, data, config.device, stop, ranks);
      return makeTrainer(network, data, config, report, figures, ddp);
    },
    closing: (result) => closing(result, config),
  });
}

const textOf = ({ output: _, ...config }: RunConfig): string =>
  configText(config, 'npx ibn-net train --config FILE --output FOLDER');

function prepare(model: ImageNetwork, config: TrainConfig): void {
  const { device, channelsLast, fuseNorms, freeze: frozen = [] } = config;
  model.to(channelsLast ? { device, memoryFormat: 'channels_last' } : { device });
  if (fuseNorms) utils.fuseNorms(model);
  freeze(model, frozen);
}

function makeTrainer(
  { model, arch, options: built }: RunNetwork,
  data: RunData,
  options: RunConfig,
  report: RunReport,
  figures: (model: ImageNetwork) => Promise<Figures>,
  ddp: parallel.DistributedDataParallel | undefined,
): Trainer<ImageBatch> {
  const { device, output, epochs, saveEvery, keepLast, crop, amp, accumulate, clipGradNorm } = options;
  const optimizer = optimizerOf(model, options);
  const isFirst = ddp === undefined || ddp.processGroup.rank() === 0;
  const loss = runLoss(model, data.classes.length, options);
  const ema = options.ema === undefined ? undefined : averageOf(model, options.ema);
  const extra = {
    arch,
    args: inOrder({ ...plainOptions(options), options: built, input: { resize: resizeOf(options), crop } }),
    classes: [...data.classes],
  };
  return new Trainer<ImageBatch>({
    model,
    ddp,
    optimizer,
    scheduler: scheduleOf(optimizer, {
      ...options,
      stepsPerEpoch: Math.ceil(data.train.length / accumulate),
    }),
    schedulerStep: STEPWISE.includes(options.scheduler) ? 'step' : 'epoch',
    data: data.train,
    loss: (batch, called) => {
      report.count((batch[0].shape[0] as number) * (ddp?.processGroup.size() ?? 1));
      return loss(batch, called);
    },
    evaluate: (measured) => figures(measured as ImageNetwork),
    best: { figure: 'top1' },
    epochs,
    accumulate,
    clipGradNorm,
    amp,
    device,
    ema,
    emaSteps: options.emaSteps,
    output,
    saveEvery,
    keepLast,
    extra,
    callbacks: [
      { onEpochBegin: (epoch) => data.beginEpoch(epoch) },
      ...(isFirst ? [report] : []),
      ...(ema === undefined || !isFirst ? [] : [bestAverage(ema, output, extra, report)]),
    ],
  });
}

/** As torchvision's recipe: buffers are averaged too. */
function averageOf(model: ImageNetwork, decay: number): swaUtils.AveragedModel {
  return new swaUtils.AveragedModel(model, {
    multiAvgFn: swaUtils.getEmaMultiAvgFn(decay),
    useBuffers: true,
  });
}

/** Saves the best average in a file of its own, which is read as any other network's. */
function bestAverage(
  ema: swaUtils.AveragedModel,
  folder: string,
  extra: Record<string, unknown>,
  report: RunReport,
): Callbacks {
  return {
    onEpoch({ epoch, isBest, val }) {
      if (!isBest) return;
      const saved = { ...extra, epoch: epoch + 1, state_dict: ema.module.stateDict(), best_acc: val?.top1 };
      report.attempt('The best average could not be written', () => save(saved, join(folder, BEST_AVERAGE)));
    },
  };
}

function opening(
  { data: root, seed, device, output }: RunConfig,
  { train, val, classes }: RunData,
  { model, arch, begins }: RunNetwork,
  resumed: string | undefined,
): string {
  const count = (value: number) => value.toLocaleString('en');
  const millions =
    [...model.parameters()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0) / 1e6;
  const [images, tests] = [train, val].map(({ dataset }) => count((dataset as { length: number }).length));
  return [
    `${arch} on ${device}, ${begins}`,
    `    Total params: ${millions.toFixed(2)}M`,
    `${images} images of ${count(classes.length)} classes in ${root}/train, ${tests} in ${root}/val`,
    resumed === undefined
      ? `Seed ${seed}; checkpoints and logs in ${output}`
      : `Checkpoints and logs in ${output}`,
    '',
  ].join('\n');
}

function closing({ best }: FitResult, { output, ema }: RunConfig): string {
  return `Best top-1: ${best?.toFixed(2)}, in ${join(output, ema === undefined ? 'model_best.pth' : BEST_AVERAGE)}\n`;
}
