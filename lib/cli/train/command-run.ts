import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import type { FitOptions, FitResult } from '../../train/index.ts';
import type { CommandRanks } from '../ranks.ts';
import { StopSignals } from '../stop-signals.ts';
import { drawCurves } from './run-folder.ts';
import type { RunReport } from './run-report.ts';
import type { Told } from './settled-options.ts';
import type { TrainStreams } from './train.ts';
import { STOPPED } from './train-options.ts';

/** What a command that trains brings. */
export interface CommandRun {
  readonly told: Told;
  /** The checkpoint that it goes on from. */
  readonly resumed: string | undefined;
  readonly ranks: CommandRanks;
  readonly streams: TrainStreams;
  readonly report: RunReport;
  readonly output: string;
  /** All options but the folder, as a config file. */
  readonly configText: string;
  /** Makes the trainer. */
  begin(stop: StopSignals): Promise<{ fit(options: FitOptions): Promise<FitResult> }>;
  /** What is said of a run that came to its end. */
  closing(result: FitResult): string;
}

/** Trains until the end, or until a signal; the exit code. */
export async function runToEnd(run: CommandRun): Promise<number> {
  const { report, streams } = run;
  const stop = new StopSignals((name) =>
    report.say(`${name}: the run ends after this step, with a checkpoint`),
  );
  try {
    const result = await trainUntil(run, stop);
    if (result.finished) streams.stdout.write(run.closing(result));
    return result.finished ? 0 : stopped(streams);
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error;
    return stopped(streams);
  } finally {
    stop.release();
  }
}

async function trainUntil(run: CommandRun, stop: StopSignals): Promise<FitResult> {
  const { told, resumed, ranks, report, output } = run;
  const trainer = await run.begin(stop);
  if (ranks.isFirst) report.attempt('The options could not be written', () => writeConfig(run));
  const result = await trainer.fit({
    resume: resumed === undefined ? undefined : told.resume,
    override: told.override !== undefined && told.override.length > 0,
    signal: stop.signal,
  });
  if (ranks.isFirst) await drawCurves(output, report);
  await ranks.leave();
  return result;
}

function writeConfig({ output, configText }: CommandRun): void {
  mkdirSync(output, { recursive: true });
  writeAtomically(join(output, 'config.yaml'), (sink) => sink(Buffer.from(configText)));
}

function stopped({ stdout }: TrainStreams): number {
  stdout.write(`Stopped; go on with --resume auto (status ${STOPPED})\n`);
  return STOPPED;
}

/** The options of a run with its folder and its seed, which is drawn where none is given. */
export function withOutput<Config extends { output?: string | undefined; seed?: number | undefined }>(
  config: Config,
): Config & { readonly output: string; readonly seed: number } {
  const { output, seed = randomInt(1, 10_001) } = config;
  if (output === undefined)
    throw new RangeError('Expected --output FOLDER, got none; checkpoints and logs go there');
  return { ...config, output, seed };
}

/** The same of a command that is given a folder of data. */
export function withData<
  Config extends { data?: string | undefined; output?: string | undefined; seed?: number | undefined },
>(config: Config): Config & { readonly data: string; readonly output: string; readonly seed: number } {
  const { data } = config;
  if (data === undefined)
    throw new RangeError('Expected a folder of data, got none; pass it, or data in the config file');
  return { ...withOutput(config), data };
}
