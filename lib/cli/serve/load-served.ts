import { basename } from 'node:path';
import type { RunOptions } from '../../compile/index.ts';
import type { ServedClassifier } from '../../serve/index.ts';
import { Classifier } from '../network/classifier.ts';
import type { ServeClassifierOptions } from './serve.ts';

/** Loads the network of the command line for a server. */
export async function loadServed(
  { port: _, ...options }: ServeClassifierOptions,
  run: RunOptions,
): Promise<ServedClassifier> {
  const { architecture, checkpoint, classes, runner, preparation } = await Classifier.load({
    ...options,
    run,
  });
  if (runner.refusal !== undefined) {
    process.stderr.write(
      `The network runs uncompiled, image by image, and holds up the server: ${runner.refusal}\n`,
    );
  }
  const { resize, crop, channels } = preparation;
  return {
    name: architecture,
    model: runner,
    transform: preparation.whole,
    classes,
    about: {
      checkpoint: basename(checkpoint),
      resize,
      crop,
      channels,
      runs: runner.kind,
      device: options.device,
    },
  };
}
