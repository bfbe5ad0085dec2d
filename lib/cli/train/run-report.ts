import { messageOf } from '../../errors.ts';
import { isRedrawable, StatusLine } from '../../net/status-line.ts';
import type { Callbacks, EpochReport, StepReport } from '../../train/index.ts';
import type { EpochRecord } from '../../train/report/run-folder.ts';
import type { RunLogs } from './run-logs.ts';
import type { TrainStreams } from './train.ts';

/** Seconds between lines where none can be drawn again. */
const SELDOM = 60;

/** What is told of the images of a run. */
export interface ReportedData {
  readonly train: { readonly batchSize: number | null };
  /** Images that were left out. */
  readonly unreadable: { readonly train: number; readonly val: number };
}

/** Tells how a run goes: a line on a terminal, a line for each epoch, the logs. */
export class RunReport implements Callbacks {
  readonly #streams: TrainStreams;
  readonly #logs: RunLogs;
  readonly #data: ReportedData;
  readonly #epochs: number;
  readonly #line: StatusLine | undefined;
  /** Of the epoch under way, in this process. */
  #images = 0;
  #seconds = 0;
  #dataSeconds = 0;
  #said = performance.now();
  #isBegun = false;

  constructor(streams: TrainStreams, logs: RunLogs, data: ReportedData, epochs: number) {
    this.#streams = streams;
    this.#logs = logs;
    this.#data = data;
    this.#epochs = epochs;
    this.#line = isRedrawable(streams.stderr) ? new StatusLine(streams.stderr) : undefined;
  }

  /** So many images were computed. */
  count(images: number): void {
    this.#images += images;
  }

  onResume(path: string, epoch: number, batch: number, step: number): void {
    this.#begin(epoch, step);
    if (epoch >= this.#epochs) {
      this.say(`${path} has the whole run of ${this.#epochs} epochs: there is nothing left to do`);
      return;
    }
    const where = batch > 0 ? `epoch ${epoch + 1}, batch ${batch + 1}` : `epoch ${epoch + 1}`;
    this.say(`Going on from ${path} with ${where}`);
  }

  onStep(report: StepReport): void {
    this.#begin(0, 0);
    this.attempt('The step could not be logged', () => this.#logs.addStep(report));
    this.#seconds += report.seconds;
    this.#dataSeconds += report.dataSeconds;
    const { epoch, batch, batches = batch } = report;
    const label = `epoch ${epoch + 1}/${this.#epochs}`;
    const count = `${batch}/${batches}`;
    const left = this.#left(batches - batch);
    if (this.#line) this.#line.draw({ label, share: batch / batches, count, note: this.#note(report, left) });
    else this.#seldom(`${label} ${count}, ${figures(report.means)}, ${this.#speed()}${left}`);
  }

  onEpoch(report: EpochReport): void {
    this.#begin(0, 0);
    const record = this.#record(report);
    this.attempt('The epoch could not be logged', () => this.#logs.add(report, record));
    this.#line?.clear();
    const { epoch, epochs, lr, train, val = {}, isBest } = report;
    this.#streams.stdout.write(
      `Epoch ${epoch + 1}/${epochs}, LR ${Number(lr.toPrecision(6))}: train ${figures(train)}; ${Object.keys(val).length === 0 ? 'not evaluated' : `val ${figures(val)}`}` +
        `${isBest ? ' (best)' : ''}; ${this.#speed()}\n`,
    );
    this.#tellUnreadable(record);
    [this.#images, this.#seconds, this.#dataSeconds] = [0, 0, 0];
  }

  onWarning(message: string): void {
    this.say(message);
  }

  /** What a full disk prevents is told, and the run goes on. */
  attempt(failure: string, write: () => void): void;
  attempt(failure: string, write: () => Promise<void>): Promise<void>;
  attempt(failure: string, write: () => void | Promise<void>): void | Promise<void> {
    const tell = (error: unknown) => this.say(`${failure}: ${messageOf(error)}; the run goes on`);
    try {
      return write()?.catch(tell);
    } catch (error) {
      tell(error);
    }
  }

  say(message: string): void {
    this.#line?.clear();
    this.#streams.stderr.write(`${message}\n`);
  }

  #begin(epochs: number, steps: number): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    this.attempt('The logs could not be begun', () => this.#logs.begin(epochs, steps));
  }

  #record(report: EpochReport): EpochRecord {
    const { epoch, step, lr, train, val = {}, isBest } = report;
    return {
      epoch: epoch + 1,
      step,
      lr,
      train,
      val,
      isBest,
      seconds: this.#seconds,
      imagesPerSecond: this.#images / this.#seconds,
      dataShare: this.#dataSeconds / this.#seconds,
      memoryMB: Math.round(process.memoryUsage.rss() / 1e6),
      unreadable: { ...this.#data.unreadable },
    };
  }

  #tellUnreadable({ unreadable: { train, val } = { train: 0, val: 0 } }: EpochRecord): void {
    if (train + val > 0)
      this.say(`Images that could not be read and were left out: ${train} of train, ${val} of val`);
  }

  /** Short: a line gives its note up where it does not fit, and terminals have 80 columns. */
  #note({ means: { loss = 0, top1 = 0 } }: StepReport, left: string): string {
    const perSecond = (this.#images / this.#seconds).toFixed(0);
    const waiting = ((100 * this.#dataSeconds) / this.#seconds).toFixed(0);
    const isWide = (this.#streams.stderr.columns ?? 80) >= 100;
    return `, loss ${loss.toFixed(3)}, top-1 ${top1.toFixed(1)}, ${perSecond}/s, data ${waiting} %${isWide ? left : ''}`;
  }

  #speed(): string {
    const perSecond = (this.#images / this.#seconds).toFixed(1);
    const waiting = ((100 * this.#dataSeconds) / this.#seconds).toFixed(0);
    return `${perSecond} images/s, ${waiting} % of the time waiting for them`;
  }

  #left(batches: number): string {
    const done = this.#images / (this.#data.train.batchSize ?? 1);
    const seconds = Math.ceil((this.#seconds / done) * batches);
    return seconds < 120 ? `, ${seconds} s left` : `, ${Math.ceil(seconds / 60)} min left`;
  }

  #seldom(text: string): void {
    if (performance.now() - this.#said < SELDOM * 1000) return;
    this.#said = performance.now();
    this.say(text);
  }
}

const LABELS: Readonly<Record<string, string>> = { top1: 'top-1', top5: 'top-5', rank1: 'rank-1' };

/** The loss, then what is a share in percent. */
function figures({ loss, ...others }: Readonly<Record<string, number>>): string {
  const parts = [
    ...(loss === undefined ? [] : [`loss ${loss.toFixed(4)}`]),
    ...Object.entries(others).map(([name, value]) => `${LABELS[name] ?? name} ${value.toFixed(2)}`),
  ];
  return parts.join(', ');
}
