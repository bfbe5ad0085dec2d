import { type Command, Option } from 'commander';
import type { StatusStream } from '../../net/status-line.ts';
import { PRESETS, type PresetName } from '../../train/config/presets.ts';
import type { ConfigLayer } from '../../train/index.ts';
import { addConfigFlags, withoutFalse } from './config-flags.ts';
import { STOPPED } from './train-options.ts';

/** Options of {@link train}, as commander gives them: those of a run, and where they come from. */
export interface TrainOptions extends ConfigLayer {
  config?: string;
  preset?: PresetName;
  printConfig?: boolean;
  resume?: string;
  override?: string[];
}

/** Where {@link train} writes; the process's own streams by default. */
export interface TrainStreams {
  stdout: { write(text: string): unknown };
  stderr: StatusStream;
}

/** Adds the command `train` to the program. */
export function registerTrain(program: Command): void {
  const command = program
    .command('train')
    .description('Train a network on images that lie in a folder for each class')
    .argument('[data]', 'a folder with train/CLASS/*.JPEG and val/CLASS/*.JPEG')
    .option('--config <file>', 'options by name in YAML or JSON (batchSize: 64); flags count more')
    .addOption(
      new Option('--preset <name>', 'a recipe; the config file and flags count more').choices(
        Object.keys(PRESETS),
      ),
    )
    .option('--print-config', 'print all options as a config file, and end')
    .option('--resume <auto|file>', 'go on from a checkpoint; auto: the newest of --output, if there is one')
    .option(
      '--override <names...>',
      'options, such as lr, that may be others than those of the run that goes on',
    );
  addConfigFlags(command);
  command.addHelpText('after', EXAMPLES).action(async (data: string | undefined, options: TrainOptions) => {
    process.exitCode = await train(data, withoutFalse({ ...options }) as TrainOptions);
  });
}

const EXAMPLES = `
Defaults are those of the published script. The learning rate is that of 256 images a step. SIGTERM and SIGINT end the
run after the step under way, with a checkpoint and status ${STOPPED}; the same command with --resume auto goes on, with the
same bytes as a run that was never stopped. --no-NAME switches an option off that a preset or the config file has.
OUTPUT/config.yaml has all options of a run, and is a config file.

Examples:
  npx ibn-net train imagenet --model resnet50_ibn_a --output runs/ibn-a --device cuda --resume auto
  npx ibn-net train photos --model resnet50_ibn_a --pretrained --output runs/photos --epochs 10 --lr 0.01 --batch-size 32
  npx ibn-net train imagenet --preset torchvision-v2 --model resnet50_ibn_a --epochs 300 --output runs/today
  npx ibn-net train --config runs/today/config.yaml --seed 2 --output runs/again`;

/**
 * Trains a network and writes checkpoints and logs.
 *
 * @returns the exit code: 0, or 75 where a signal ended the run before its last epoch
 */
export async function train(
  data: string | undefined,
  { config: file, preset, printConfig, resume, override, ...values }: TrainOptions,
  streams: TrainStreams = process,
): Promise<number> {
  const [{ givenOptions, withDefaults }, { configText }] = await Promise.all([
    import('../../train/config/resolve-config.ts'),
    import('../../train/config/config-file.ts'),
  ]);
  const given = givenOptions({ preset, file, values: data === undefined ? values : { ...values, data } });
  if (printConfig) {
    streams.stdout.write(configText(withDefaults(given)));
    return 0;
  }
  const { runTraining } = await import('./run-training.ts');
  return await runTraining({ given, resume, override }, streams);
}
