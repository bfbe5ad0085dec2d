import { isForeign, parseFrame } from '../../call-site.ts';
import { TorchError } from '../../errors.ts';
import { checkFlag, checkFlags, checkFunction, checkOptions, checkPositions } from '../../options.ts';
import { native } from '../native.ts';
import { refusePromise } from '../scope.ts';

export interface AnomalyOptions {
  /** Whether a NaN in a gradient is an error. Default true. */
  checkNan?: boolean;
}

/** Frames that are looked at: a forward may call itself through many layers. */
const MOST_FRAMES = 1000;

/** The lines of the running call stack that are of a person's code; all where none is. */
function readStack(): string {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = MOST_FRAMES;
  Error.captureStackTrace(holder, readStack);
  Error.stackTraceLimit = limit;
  const lines = String(holder.stack ?? '')
    .split('\n')
    .filter((line) => parseFrame(line) !== undefined);
  const foreign = lines.filter((line) => isForeign(parseFrame(line) as never));
  return (foreign.length > 0 ? foreign : lines).join('\n');
}

/**
 * Turns anomaly detection on or off, as torch.autograd.set_detect_anomaly: each op remembers the line that called it, and an
 * error of its backward, or a NaN that it makes, says which line that was. It holds for the whole process, workers included,
 * and makes every op that records a graph several times slower: for debugging only. Prefer `detectAnomaly`, which restores.
 */
export function setDetectAnomaly(mode: boolean, options: AnomalyOptions = {}): void {
  checkOptions('setDetectAnomaly', options, ['checkNan']);
  checkPositions('setDetectAnomaly', arguments, 2);
  checkFlag('setDetectAnomaly', mode);
  checkFlags('setDetectAnomaly', { checkNan: options.checkNan });
  native.setStackReader(readStack);
  native.setAnomaly(mode, options.checkNan ?? true);
}

/** Whether anomaly detection is on. */
export function isAnomalyEnabled(): boolean {
  return native.isAnomalyEnabled();
}

/**
 * Runs `fn`, forward and backward, with anomaly detection, as torch.autograd.detect_anomaly.
 *
 * @throws TorchError whose message names the line of the forward where backward makes a NaN; TypeError when `fn` returns a
 * promise.
 * @example autograd.detectAnomaly(() => criterion.forward(model.forward(x), labels).backward());
 */
export function detectAnomaly<T>(fn: () => T, options: AnomalyOptions = {}): T {
  checkPositions('detectAnomaly', arguments, 2);
  checkOptions('detectAnomaly', options, ['checkNan']);
  checkFlags('detectAnomaly', { checkNan: options.checkNan });
  checkFunction('detectAnomaly', fn);
  const before = [native.isAnomalyEnabled(), native.isAnomalyCheckNan()] as const;
  setDetectAnomaly(true, options);
  try {
    const result = fn();
    refusePromise(result, 'detectAnomaly');
    return result;
  } finally {
    native.setAnomaly(...before);
  }
}

/** Runs a backward pass. Where anomaly detection is on, its error names the line of the forward. */
export function runBackward<T>(pass: () => T): T {
  try {
    return pass();
  } catch (error) {
    const found = native.takeAnomaly();
    if (found !== '') explain(error, found);
    throw error;
  }
}

/** Warns with the stack of the forward, as torch does, and adds its line to an error of libtorch's. */
function explain(error: unknown, found: string): void {
  const [node, ...stack] = found.split('\n');
  process.emitWarning(`Error detected in ${node}. Its forward ran\n${stack.join('\n')}`, {
    code: 'TORCH_ANOMALY',
  });
  const frame = stack.map(parseFrame).find((line) => line !== undefined);
  if (!(error instanceof TorchError) || frame === undefined) return;
  const message = `${error.message} The forward of ${node} ran at ${frame.path}:${frame.line}`;
  error.stack = String(error.stack).replace(error.message, () => message);
  error.message = message;
}
