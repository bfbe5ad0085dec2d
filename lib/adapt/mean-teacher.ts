import { functional, Module } from '../nn/index.ts';
import { swaUtils } from '../optim/index.ts';
import { checkNumber, checkOptions, checkPositions, describeValue } from '../options.ts';
import { isTensor, noGrad, type Tensor } from '../tensor/index.ts';

/** Options of {@link MeanTeacher}. */
export interface MeanTeacherOptions {
  /** How much of the teacher stays at each of the student's steps. Default 0.999. */
  decay?: number;
  /** Only what the teacher gives at least this probability teaches. Default 0.9. */
  threshold?: number;
  /** What the target's loss counts beside the source's. Default 1. */
  weight?: number;
  /** Where the network computes. Default where the batches are. */
  device?: string;
  /** What the scores of an auxiliary head count beside the others. Default 0.4. */
  auxWeight?: number;
  /** Labels of the source that do not count. Default 255. */
  ignoreIndex?: number;
}

/** A step's images: of the target as the teacher sees them and, changed more, as the student does; labelled ones of the source. */
export interface TeacherBatch {
  /** The student's images must show the same things at the same places, for segmentation. */
  readonly target: readonly [forTeacher: Tensor, forStudent: Tensor];
  readonly source?: readonly [images: Tensor, labels: Tensor] | undefined;
}

/** What {@link MeanTeacher.loss} gives `train.Trainer`. */
export interface TeacherLoss {
  readonly loss: Tensor;
  /** The share of images, or pixels, that the teacher is sure of. */
  readonly confident: number;
  readonly [log: string]: Tensor | number;
}

const OPTIONS = ['decay', 'threshold', 'weight', 'device', 'auxWeight', 'ignoreIndex'];

/**
 * Self-training with a mean teacher: an exponential average of the network (Tarvainen and Valpola, 2017) labels the target's
 * images, and the network learns those labels from changed copies of them where the teacher is sure (FixMatch's rule), beside the
 * labelled images of the source, where there are any. For classes (N, C) and for pixels (N, C, H, W). `loss` and `ema` are what
 * `train.Trainer` takes. The teacher is the network to keep.
 *
 * @example
 * const teacher = new adapt.MeanTeacher(model, { decay: 0.99, threshold: 0.8 });
 * const data: adapt.TeacherBatch[] = [{ target: [x, y] }];
 * const trainer = new train.Trainer({ model, optimizer, data, epochs: 5, ema: teacher.ema, loss: teacher.loss });
 */
export class MeanTeacher {
  /** The teacher; begins as the network. */
  readonly ema: swaUtils.AveragedModel;
  readonly #options: Required<Omit<MeanTeacherOptions, 'device'>> & Pick<MeanTeacherOptions, 'device'>;

  constructor(model: Module, options: MeanTeacherOptions = {}) {
    checkPositions('MeanTeacher', arguments, 2);
    checkOptions('MeanTeacher', options, OPTIONS);
    if (!(model instanceof Module))
      throw new TypeError(`Expected a Module for MeanTeacher, got ${describeValue(model)}`);
    const { device, ignoreIndex = 255 } = options;
    const share = (name: 'decay' | 'threshold', otherwise: number) => {
      const value = checkNumber('MeanTeacher', name, options[name] ?? otherwise, 0);
      if (value <= 1) return value;
      throw new RangeError(`Expected a number from 0 to 1 for MeanTeacher ${name}, got ${value}`);
    };
    this.#options = {
      decay: share('decay', 0.999),
      threshold: share('threshold', 0.9),
      weight: checkNumber('MeanTeacher', 'weight', options.weight ?? 1, 0),
      auxWeight: checkNumber('MeanTeacher', 'auxWeight', options.auxWeight ?? 0.4, 0),
      ignoreIndex: checkNumber('MeanTeacher', 'ignoreIndex', ignoreIndex),
      ...(device === undefined ? {} : { device }),
    };
    const multiAvgFn = swaUtils.getEmaMultiAvgFn(this.#options.decay);
    this.ema = new swaUtils.AveragedModel(model, { multiAvgFn, useBuffers: true });
    this.ema.updateParameters(model);
    this.ema.eval();
  }

  /** The loss of a batch for the network, called as `train.Trainer` calls it. */
  readonly loss = (batch: TeacherBatch, student: Module): TeacherLoss => {
    const { weight, ignoreIndex } = this.#options;
    const [forTeacher, forStudent] = pairOf(batch?.target, 'target');
    const { labels, sure } = this.#label(this.#placed(forTeacher));
    const confident = Number(sure.mean().item());
    const taught = this.#mean(student.forward(this.#placed(forStudent)), (scores) =>
      functional.crossEntropy(scores, labels, { reduction: 'none' }).mul(sure).mean(),
    ).mul(weight);
    if (batch.source === undefined) return { loss: taught, confident };
    const [images, truth] = pairOf(batch.source, 'source');
    const known = this.#placed(truth);
    const source = this.#mean(student.forward(this.#placed(images)), (scores) =>
      functional.crossEntropy(scores, known, { ignoreIndex }),
    );
    return { loss: taught.add(source), confident, source: source.detach(), target: taught.detach() };
  };

  #placed(tensor: Tensor): Tensor {
    const { device } = this.#options;
    return device === undefined ? tensor : tensor.to(device as 'cpu');
  }

  /** Classes that the teacher gives, and 1 where it is sure of them. */
  #label(images: Tensor): { labels: Tensor; sure: Tensor } {
    return noGrad(() => {
      this.ema.eval();
      const scores = this.ema.forward(images) as Tensor;
      const [probability, labels] = scores.softmax(1).max(1) as unknown as [Tensor, Tensor];
      return { labels, sure: probability.ge(this.#options.threshold).to('float32') };
    });
  }

  /** Of scores, and of those of an auxiliary head while one is trained. */
  #mean(outputs: unknown, lossOf: (scores: Tensor) => Tensor): Tensor {
    if (isTensor(outputs)) return lossOf(outputs);
    const { out, aux } = outputs as { out: Tensor; aux: Tensor };
    return lossOf(out).add(lossOf(aux).mul(this.#options.auxWeight));
  }
}

function pairOf(value: unknown, name: string): readonly [Tensor, Tensor] {
  if (Array.isArray(value) && value.length === 2 && value.every(isTensor)) return value as [Tensor, Tensor];
  throw new TypeError(
    `Expected two Tensors as ${name} of a batch of MeanTeacher.loss, got ${describeValue(value)}`,
  );
}
