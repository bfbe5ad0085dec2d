import { join } from 'node:path';
import type { Module, parallel } from '../../nn/index.ts';
import type { SegmenterOutputs } from '../../segment/index.ts';
import * as segment from '../../segment/index.ts';
import { manualSeed, scope, type Tensor, tensor } from '../../tensor/index.ts';
import { configText } from '../../train/config/config-file.ts';
import {
  evaluate,
  type Figures,
  optimizerOf,
  scheduleOf,
  type TrainConfig,
  Trainer,
} from '../../train/index.ts';
import { sumOverRanks } from '../../train/metrics/sum-over-ranks.ts';
import { type CommandRanks, joinRanks, SILENT } from '../ranks.ts';
import type { StopSignals } from '../stop-signals.ts';
import { runToEnd, withData } from '../train/command-run.ts';
import { requireDevice, resumedFile } from '../train/run-folder.ts';
import { RunLogs } from '../train/run-logs.ts';
import { freeze } from '../train/run-loss.ts';
import { inOrder } from '../train/run-network.ts';
import { RunReport } from '../train/run-report.ts';
import { plainOptions, settledOptions, type Told } from '../train/settled-options.ts';
import type { TrainStreams } from '../train/train.ts';
import { type MaskBatch, type SegmentRunData, segmentRunData } from './run-data.ts';
import { type SegmentRunNetwork, segmentRunNetwork } from './run-network.ts';
import { SEGMENTATION, type SegmentConfig } from './space.ts';

type RunConfig = SegmentConfig & { readonly data: string; readonly output: string; readonly seed: number };

/** Trains a network for segmentation; the exit code. */
export async function runSegmentTraining(told: Told, given: TrainStreams): Promise<number> {
  const ranks = await joinRanks();
  const streams = ranks.isFirst ? given : SILENT;
  const resumed = resumedFile(told);
  const settled = settledOptions(told, resumed, SEGMENTATION) as unknown as SegmentConfig;
  const config = await ranks.settle(withData(settled));
  requireDevice(config.device);
  const data = segmentRunData(config.data, config);
  manualSeed(config.seed);
  const network = await segmentRunNetwork(config, data.classes.length, resumed !== undefined);
  network.model.to(
    config.channelsLast ? { device: config.device, memoryFormat: 'channels_last' } : config.device,
  );
  freeze(network.model as never, config.freeze ?? []);
  const report = new RunReport(
    streams,
    new RunLogs(config.output, config.device, 'mIoU'),
    data,
    config.epochs,
  );
  streams.stdout.write(opening(config, data, network));
  return await runToEnd({
    ...{ told, resumed, ranks, streams, report, output: config.output },
    configText: textOf(config),
    begin: async (stop) => {
      const ddp = await ranks.distribute(network.model);
      const figures = (model: Module) => figuresOf(model, data, config.device, stop, ranks);
      return makeTrainer(network, data, config, report, figures, ddp);
    },
    closing: ({ best }) => `Best mIoU: ${best?.toFixed(2)}, in ${join(config.output, 'model_best.pth')}\n`,
  });
}

const textOf = ({ output: _, ...config }: RunConfig): string =>
  configText(config as never, 'npx ibn-net segment train --config FILE --output FOLDER', SEGMENTATION);

/** Rates fall step by step, to the last step of the last epoch. */
function scheduleBySteps(optimizer: ReturnType<typeof optimizerOf>, config: RunConfig, steps: number) {
  const { epochs, warmupEpochs, schedule, scheduler } = config;
  const plan = {
    ...(config as unknown as TrainConfig),
    scheduler: scheduler as TrainConfig['scheduler'],
    epochs: epochs * steps,
    warmupEpochs: warmupEpochs * steps,
    schedule: schedule.map((epoch) => epoch * steps),
  };
  return scheduleOf(optimizer, plan);
}

function makeTrainer(
  { model, arch, options: built }: SegmentRunNetwork,
  data: SegmentRunData,
  config: RunConfig,
  report: RunReport,
  figures: (model: Module) => Promise<Figures>,
  ddp: parallel.DistributedDataParallel | undefined,
): Trainer<MaskBatch> {
  const { device, output, epochs, saveEvery, keepLast, amp, accumulate, clipGradNorm } = config;
  const optimizer = optimizerOf(model, config as unknown as TrainConfig);
  const isFirst = ddp === undefined || ddp.processGroup.rank() === 0;
  const steps = Math.ceil(data.train.length / accumulate);
  const lossOf = lossFunction(config, data.classes.length);
  return new Trainer<MaskBatch>({
    model,
    ddp,
    optimizer,
    scheduler: scheduleBySteps(optimizer, config, steps),
    schedulerStep: 'step',
    data: data.train,
    loss: (batch, called) => {
      report.count((batch[0].shape[0] as number) * (ddp?.processGroup.size() ?? 1));
      return lossOf(batch, called);
    },
    evaluate: figures,
    best: { figure: 'mIoU' },
    ...{ epochs, accumulate, clipGradNorm, amp, device, output, saveEvery, keepLast },
    extra: {
      arch,
      args: inOrder({ ...plainOptions(config as never), options: built }),
      classes: [...data.classes],
    },
    callbacks: isFirst ? [report] : [],
  });
}

function lossFunction(config: RunConfig, numClasses: number) {
  const { device, channelsLast, auxWeight, classWeights, ohem = false, ohemThreshold, ohemKept } = config;
  if (classWeights !== undefined && classWeights.length !== numClasses)
    throw new RangeError(`Expected ${numClasses} numbers for --class-weights, got ${classWeights.length}`);
  const weight = classWeights === undefined ? null : tensor([...classWeights], { device });
  const hard = ohem ? { ohem, threshold: ohemThreshold, minKept: ohemKept } : {};
  return ([images, masks]: MaskBatch, called: Module) => {
    const inputs = images.to(channelsLast ? { device, memoryFormat: 'channels_last' } : device);
    const outputs = called.forward(inputs) as Tensor | SegmenterOutputs;
    return segment.segmentLoss(outputs, masks.to(device), { auxWeight, weight, ...hard });
  };
}

/** Behind an epoch: over all of val, each image once, whichever rank has it. In per cent. */
async function figuresOf(
  model: Module,
  data: SegmentRunData,
  device: string,
  stop: StopSignals,
  ranks: CommandRanks,
): Promise<Figures> {
  const metrics = new segment.SegmentMetrics(data.classes.length);
  const update = (output: Tensor, target: Tensor) =>
    scope(() => metrics.update(output.argmax(1).to('cpu'), target));
  const batches = untilStopped(data.val, stop);
  await evaluate(model as Module & { forward(batch: Tensor): Tensor }, batches, { update }, { device });
  if ((await ranks.sum(Number(stop.signal.aborted))) > 0) stop.obey();
  stop.signal.throwIfAborted();
  const counts = ranks.isShared ? await sumOverRanks(metrics.confusion()) : metrics.confusion();
  await data.countUnreadable();
  const { mIoU, pixelAccuracy, meanAccuracy } = segment.figuresOf(counts);
  return { mIoU: 100 * mIoU, pixelAccuracy: 100 * pixelAccuracy, meanAccuracy: 100 * meanAccuracy };
}

async function* untilStopped<Batch>(batches: AsyncIterable<Batch>, { signal }: StopSignals) {
  for await (const batch of batches) {
    if (signal.aborted) return;
    yield batch;
  }
}

function opening(
  { dataset, seed, device, output }: RunConfig,
  data: SegmentRunData,
  network: SegmentRunNetwork,
): string {
  const count = ({ dataset: images }: { dataset: unknown }) =>
    (images as { length: number }).length.toLocaleString('en');
  return [
    `${network.arch} on ${device}, ${network.begins}`,
    `${count(data.train)} images of ${dataset} to train, ${count(data.val)} to evaluate, ${data.classes.length} classes`,
    ...data.differences.map((text) => `    ${text}`),
    `Seed ${seed}; checkpoints and logs in ${output}`,
    '',
  ].join('\n');
}
