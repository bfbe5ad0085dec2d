import { type Command, Option } from 'commander';
import { TRAIN_PRESETS } from '../../reid/training/presets.ts';
import { addConfigFlags, withoutFalse } from '../train/config-flags.ts';
import type { TrainStreams } from '../train/train.ts';
import { STOPPED } from '../train/train-options.ts';
import { TRAIN_SPACE } from './train-options.ts';

/** Options of {@link trainReid}, as commander gives them: those of a run, and where they come from. */
export interface ReidTrainFlags {
  config?: string;
  preset?: string;
  printConfig?: boolean;
  resume?: string;
  override?: string[];
  [name: string]: unknown;
}

/** Adds `reid train`. */
export function registerReidTrain(reid: Command): void {
  const command = reid
    .command('train')
    .description('Train a Re-ID network by a published recipe, and evaluate it as it learns')
    .option('--config <file>', 'options by name in YAML or JSON (batchSize: 64); flags count more')
    .addOption(
      new Option('--preset <name>', 'a recipe; the config file and flags count more').choices(
        Object.keys(TRAIN_PRESETS),
      ),
    )
    .option('--print-config', 'print all options as a config file, and end')
    .option('--resume <auto|file>', 'go on from a checkpoint; auto: the newest of --output, if there is one')
    .option(
      '--override <names...>',
      'options, such as lr, that may be others than those of the run that goes on',
    );
  addConfigFlags(command, TRAIN_SPACE);
  command.addHelpText('after', EXAMPLES).action(async (options: ReidTrainFlags) => {
    process.exitCode = await trainReid(withoutFalse({ ...options }, TRAIN_SPACE));
  });
}

const EXAMPLES = `
Defaults are those of reid-strong-baseline with all tricks. OUTPUT/weights_best.pth is a file of the network's own code, for
"reid evaluate" and for Python. SIGTERM and SIGINT end the run after the step under way, with a checkpoint and status ${STOPPED};
the same command with --resume auto goes on, with the same bytes as a run that was never stopped.

Examples:
  npx ibn-net reid train --train market --test market --root data --model strong-baseline/resnet50_ibn_a --pretrained hub --output runs/market
  npx ibn-net reid train --preset sbs --model-options '{"withIbn":true}' --pretrained hub --train market duke --test market msmt --device cuda --amp float16 --output runs/sbs
  npx ibn-net reid train --train folder=shots --test folder=shots --pattern "{id}_c{camera}_{}" --model osnet_ain_x1_0 --epochs 60 --output runs/shots
  npx ibn-net launch --nproc-per-node 2 reid train --config runs/market/config.yaml --center-weight 0 --output runs/two`;

/**
 * Trains a network for re-identification, and writes checkpoints and logs.
 *
 * @returns the exit code: 0, or 75 where a signal ended the run before its last epoch
 */
export async function trainReid(
  { config: file, preset, printConfig, resume, override, ...values }: ReidTrainFlags,
  streams: TrainStreams = process,
): Promise<number> {
  const [{ givenOptions, withDefaults }, { configText }] = await Promise.all([
    import('../../train/config/resolve-config.ts'),
    import('../../train/config/config-file.ts'),
  ]);
  const given = givenOptions({ preset: preset as never, file, values: values as never }, TRAIN_SPACE);
  if (printConfig) {
    streams.stdout.write(configText(withDefaults(given, {}, TRAIN_SPACE), '', TRAIN_SPACE));
    return 0;
  }
  const { runReidTraining } = await import('./run-training.ts');
  return await runReidTraining({ given, resume, override }, streams);
}
