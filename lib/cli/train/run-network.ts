import * as checkpoint from '../../checkpoint/index.ts';
import { fetchFile } from '../../hub/fetch.ts';
import { weights } from '../../hub/weights.ts';
import * as models from '../../models/index.ts';
import { stemOptions } from '../../models/recognise.ts';
import type { TrainConfig } from '../../train/index.ts';
import { adviseInFlags } from '../flag-advice.ts';
import { classCount, requireModel } from '../network/classifier-model.ts';
import type { ImageNetwork } from '../network/network-runner.ts';
import { type Described, describeFile } from '../recipe.ts';

/** The network that a run trains. */
export interface RunNetwork {
  readonly model: ImageNetwork;
  readonly arch: string;
  /** With what it is built again, the number of classes aside. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What it begins with, in words. */
  readonly begins: string;
}

/**
 * Builds the network, and gives it the numbers that it begins with. Where the run goes on from `resumed`, that file tells
 * the network, and the weights come with the rest of the run.
 */
export async function runNetwork(
  options: TrainConfig,
  numClasses: number,
  resumed: string | undefined,
): Promise<RunNetwork> {
  checkBeginning(options);
  const file = resumed ?? (await beginningFile(options));
  const described = file === undefined ? undefined : describeFile(file);
  const arch = options.model ?? described?.recipe.arch;
  if (file !== undefined && arch === undefined)
    throw new RangeError(`Expected --model beside ${file}, which names no network; pass --model NAME`);
  if (arch === undefined)
    throw new RangeError('Expected --model NAME, got none; ibn-net train needs a network');
  const built = inOrder({ ...savedOptions(arch, described), ...options.modelOptions });
  const model = models.getModel(arch, { ...built, numClasses }) as ImageNetwork;
  if (file === undefined || resumed !== undefined || described === undefined)
    return { model, arch, options: built, begins: 'new weights' };
  const begins = begin(model, file, described, numClasses, options);
  return { model, arch, options: built, begins };
}

function checkBeginning({ model, pretrained, checkpoint: file }: TrainConfig): void {
  requireModel(model);
  if (pretrained && file !== undefined)
    throw new RangeError('Expected --pretrained or --checkpoint, got both; leave one out');
  if (pretrained && model === undefined)
    throw new RangeError('Expected --model beside --pretrained, got none; pass --model NAME');
}

async function beginningFile({
  model,
  pretrained,
  checkpoint: file,
}: TrainConfig): Promise<string | undefined> {
  return pretrained ? await fetchFile(weights(model as string).url) : file;
}

/** What the file says of how its network is built, if it is the same one. */
function savedOptions(arch: string, described: Described | undefined): Record<string, unknown> {
  if (described === undefined) return {};
  const { recipe, shapes } = described;
  const { numClasses: _, ...own } = recipe.arch === arch ? recipe.options : {};
  return /^(se_)?resnet\d/.test(arch) ? { ...stemOptions(shapes), ...own } : own;
}

function begin(
  model: ImageNetwork,
  file: string,
  { shapes }: Described,
  numClasses: number,
  { splitNorms = false }: TrainConfig,
): string {
  const head = ['fc.', 'classifier.'];
  try {
    checkpoint.loadInto(model, file, { stripPrefix: 'auto', ignoreMismatched: head, splitNorms });
  } catch (error) {
    adviseInFlags(error);
  }
  const classes = classCount(shapes, file);
  return classes === numClasses
    ? file
    : `${file}, with a new classifier (${numClasses} classes for ${classes})`;
}

/** In the order of keys: the same bytes in a checkpoint, however it came about. */
export function inOrder(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
