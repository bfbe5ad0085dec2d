import * as adapt from '../../adapt/index.ts';
import type { DataLoader } from '../../data/index.ts';
import { SGD } from '../../optim/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { Trainer } from '../../train/index.ts';
import type { AdaptOptions } from './adapt-options.ts';
import type { AdaptTask } from './adapt-task.ts';

type Pairs = DataLoader<Tensor | [Tensor, Tensor], [Tensor, Tensor]>;
type Labelled = AsyncGenerator<[Tensor, Tensor], void, undefined>;

/** Batches of the target, each beside one of the source where there is one. */
class TeacherData {
  readonly #target: Pairs;
  readonly #source: Labelled | undefined;

  constructor(target: Pairs, source: Labelled | undefined) {
    this.#target = target;
    this.#source = source;
  }

  get length(): number {
    return this.#target.length;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<adapt.TeacherBatch, void, undefined> {
    for await (const target of this.#target) {
      const next = await this.#source?.next();
      const source = next?.value as [Tensor, Tensor] | undefined;
      yield source === undefined ? { target } : { target, source };
    }
  }
}

/** Trains with a mean teacher, whose weights the network has afterwards; the share it was sure of in the last epoch. */
export async function teach(
  task: AdaptTask,
  pairs: Pairs,
  { device, decay = 0.99, threshold = 0.8, weight = 1, lr = 0.005, epochs = 5 }: AdaptOptions,
  say: (text: string) => void,
): Promise<number> {
  const { model } = task;
  const teacher = new adapt.MeanTeacher(model, { decay, threshold, weight, device });
  let confident = Number.NaN;
  const source = task.source();
  const trainer = new Trainer<adapt.TeacherBatch>({
    model,
    optimizer: new SGD(model.parameters(), { lr, momentum: 0.9 }),
    data: new TeacherData(pairs, source),
    loss: teacher.loss,
    ema: teacher.ema,
    device: device as 'cpu',
    epochs,
    callbacks: {
      onEpoch: ({ epoch, train }) => {
        confident = train.confident as number;
        const sure = (100 * confident).toFixed(1);
        say(
          `Epoch ${epoch + 1} of ${epochs}: loss ${train.loss?.toFixed(4)}, the teacher sure of ${sure} %\n`,
        );
      },
    },
  });
  try {
    await trainer.fit();
  } finally {
    await source?.return();
  }
  model.loadStateDict(teacher.ema.module.stateDict());
  model.eval();
  return confident;
}
