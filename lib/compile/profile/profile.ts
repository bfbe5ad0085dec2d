import { count, textTable } from '../../text-table.ts';

/** What one step of a compiled model takes, for one run. */
export interface ProfileStep {
  /** Path of the module, such as `layer1.0.conv1`. */
  readonly name: string;
  /** Kind of step, as in `explain()`. */
  readonly op: string;
  /** How it is done, such as `winograd`; empty where there is one way. */
  readonly algorithm: string;
  readonly milliseconds: number;
  /** Of the time of all steps, 0 to 1. */
  readonly share: number;
  /** Multiplications and additions of a convolution or linear layer, counted as a direct one; else 0. */
  readonly flops: number;
  /** 10^9 of them a second; 0 where there are none. */
  readonly gflops: number;
  /** Of `Profile.peakGflops`. Winograd's filtering multiplies less than is counted, so it may be above 1. Null without a peak, and for steps of int8, whose peak is another. */
  readonly peakShare: number | null;
  /** Bytes that it must at least move: every value read and written once for each image, weights once. */
  readonly bytes: number;
}

const HEADER = ['#', 'Step', 'Module', 'Algorithm', 'ms', '%', 'GFLOP/s', '% of peak', 'MB', 'GB/s'];
const NUMERIC = new Set(['#', 'ms', '%', 'GFLOP/s', '% of peak', 'MB', 'GB/s']);

/** Where the time of a compiled model goes; `String(profile)` is a table. Times are means over all runs. */
export class Profile {
  readonly steps: readonly ProfileStep[];
  /** Images of a run. */
  readonly images: number;
  readonly runs: number;
  readonly threads: number;
  readonly instructionSet: string;
  /** From the call of `run` to its result, of one run. */
  readonly milliseconds: number;
  /** Of that, what is outside of steps: inputs copied, the queue, outputs laid out, threads that wait for each other. */
  readonly outsideMilliseconds: number;
  /** Of all steps together, for one run. */
  readonly flops: number;
  /** What a convolution of 1x1 in the caches reached on these threads, just before. Null where it was not measured. */
  readonly peakGflops: number | null;

  /** @internal */
  constructor(fields: Omit<Profile, 'outsideMilliseconds' | 'flops' | 'toString'>) {
    this.steps = fields.steps;
    this.images = fields.images;
    this.runs = fields.runs;
    this.threads = fields.threads;
    this.instructionSet = fields.instructionSet;
    this.milliseconds = fields.milliseconds;
    this.peakGflops = fields.peakGflops;
    const inside = fields.steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    this.outsideMilliseconds = Math.max(0, fields.milliseconds - inside);
    this.flops = fields.steps.reduce((sum, { flops }) => sum + flops, 0);
  }

  /** The steps as a table, the whole below. */
  toString(): string {
    const { images, threads, instructionSet, milliseconds, outsideMilliseconds, flops, peakGflops } = this;
    const gflops = rate(flops, milliseconds);
    const peak = peakGflops === null ? '' : ` of a measured peak of ${gflopsText(peakGflops)}`;
    return [
      ...textTable([HEADER, ...this.steps.map(rowOf)], NUMERIC),
      `${plural(images, 'image')} on ${plural(threads, 'thread')} (${instructionSet}), mean of ${plural(this.runs, 'run')}`,
      `${milliseconds.toFixed(2)} ms, ${outsideMilliseconds.toFixed(2)} of them outside of steps; ${gflopsText(gflops)} GFLOP/s${peak}`,
    ].join('\n');
  }
}

/** 10^9 a second. */
export const rate = (amount: number, milliseconds: number): number =>
  milliseconds > 0 ? amount / milliseconds / 1e6 : 0;

const gflopsText = (value: number): string => value.toFixed(value < 10 ? 1 : 0);
const plural = (number: number, word: string): string => `${count(number)} ${word}${number === 1 ? '' : 's'}`;
const percent = (share: number): string => (100 * share).toFixed(1);

function rowOf(step: ProfileStep, index: number): string[] {
  const { name, op, algorithm, milliseconds, share, flops, gflops, peakShare, bytes } = step;
  return [
    String(index),
    op,
    name === '' ? '-' : name,
    algorithm,
    milliseconds.toFixed(3),
    percent(share),
    flops === 0 ? '' : gflopsText(gflops),
    flops === 0 || peakShare === null ? '' : percent(peakShare),
    (bytes / 1e6).toFixed(2),
    rate(bytes, milliseconds).toFixed(1),
  ];
}
