import type * as nn from '../../nn/index.ts';
import * as reid from '../../reid/index.ts';
import * as segment from '../../segment/index.ts';
import { loadClassifier } from '../network/classifier.ts';

/** What a network is for, which says how its file is read. */
export type Task = 'classify' | 'reid' | 'segment';

/** Which network, as the command line says it. */
export interface NetworkFile {
  readonly task: Task;
  readonly model?: string | undefined;
  readonly checkpoint?: string | undefined;
}

/** A network with its weights, and the images that it takes. */
export interface ExportNetwork {
  readonly model: nn.Module;
  readonly channels: number;
  /** Height and width; undefined where the file does not tell. */
  readonly size: readonly [number, number] | undefined;
}

/** @throws RangeError, CheckpointError, HubError as what reads the file. */
export async function loadNetwork(file: NetworkFile): Promise<ExportNetwork> {
  if (file.task === 'classify') return await classifier(file);
  if (file.model !== undefined)
    throw new RangeError(
      `Expected no --model with --task ${file.task}, got ${file.model}; the checkpoint's keys tell it`,
    );
  if (file.checkpoint === undefined)
    throw new RangeError(
      `Expected --checkpoint with --task ${file.task}, got none; no weights are published for it`,
    );
  if (file.task === 'segment')
    return { model: segment.load(file.checkpoint).model.eval(), channels: 3, size: undefined };
  const { model, size } = reid.load(file.checkpoint);
  return { model, channels: 3, size };
}

async function classifier({ model, checkpoint }: NetworkFile): Promise<ExportNetwork> {
  if (model === undefined && checkpoint === undefined)
    throw new RangeError('Expected --model or --checkpoint, got neither; pass --model resnet50_ibn_a');
  const loaded = await loadClassifier({ model, checkpoint });
  const { crop } = loaded.described.recipe.input;
  const side = crop ?? 224;
  return { model: loaded.model, channels: loaded.channels, size: [side, side] };
}
