import { isForeign, parseFrame } from '../../call-site.ts';
import { CompileError, type CompileErrorCode } from '../errors.ts';

/** Where in the network an op was called. */
export interface Site {
  /** Dotted path of the innermost module; `''` is the network itself. */
  readonly module: string;
  /** The call stack; its text is made only where it is read. */
  readonly stack: { stack?: string };
}

/** What is wrong with the network as a whole, and no op's fault. */
export const NETWORK: Site = { module: '', stack: {} };

/** Frames that are looked at: a forward may call itself through many layers. */
const MOST_FRAMES = 1000;

/** A call stack, whose text is made where it is read: the class keeps those who look into plain objects from it. */
class CallStack {
  declare readonly stack?: string;
}

/** Calls a forward that is traced. Frames that called it are no part of the network. */
export function callTraced<T>(forward: () => T): T {
  return forward();
}

/** Remembers the call stack, without its text: some tenths of a millisecond in a deep network. */
export function siteOf(module: string): Site {
  const stack = new CallStack();
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = MOST_FRAMES;
  Error.captureStackTrace(stack, siteOf);
  Error.stackTraceLimit = limit;
  return { module, stack };
}

/**
 * The line of a person's forward that called the op, as `/path/model.ts:12`; undefined where all of the forward is this
 * package's, as in its networks.
 */
export function sourceLine(site: Site): string | undefined {
  for (const text of String(site.stack.stack ?? '').split('\n')) {
    const frame = parseFrame(text);
    if (frame === undefined) continue;
    if (isForeign(frame)) return `${frame.path}:${frame.line}`;
    if (frame.isOwn && frame.name.endsWith(callTraced.name)) return undefined;
  }
  return undefined;
}

/** `layer1.0.conv1 (/path/model.ts:12)` */
export function describeSite(site: Site): string {
  const line = sourceLine(site);
  const module = site.module === '' ? 'the network itself' : `module "${site.module}"`;
  return line === undefined ? module : `${module} (${line})`;
}

/** An error at the place of an op; `<message> in module "layer1.0" (model.ts:12); <advice>`. */
export function errorAt(site: Site, code: CompileErrorCode, message: string, advice = ''): CompileError {
  const source = sourceLine(site);
  return new CompileError(`${message} in ${describeSite(site)}${advice === '' ? '' : `; ${advice}`}`, {
    code,
    module: site.module,
    ...(source === undefined ? {} : { source }),
  });
}
