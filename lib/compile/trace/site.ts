import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
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

/** The package's sources and its bundles, which source maps may call by the names of the sources. */
const OWN = ownFolders(fileURLToPath(import.meta.url));
/** Frames that are looked at: a forward may call itself through many layers. */
const MOST_FRAMES = 1000;
const FRAME = /^\s*at (?:(?:async )?(.*?) \((.+):(\d+):\d+\)|(?:async )?(.+):(\d+):\d+)$/;

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
  for (const frame of String(site.stack.stack ?? '').split('\n')) {
    const match = FRAME.exec(frame);
    if (match === null) continue;
    const path = pathOf((match[2] ?? match[4]) as string);
    if (!isOwn(path)) {
      if (!path.startsWith('node:')) return `${path}:${match[3] ?? match[5]}`;
    } else if (match[1]?.endsWith(callTraced.name)) {
      return undefined;
    }
  }
  return undefined;
}

function pathOf(file: string): string {
  try {
    return file.startsWith('file://') ? fileURLToPath(file) : file;
  } catch {
    return file;
  }
}

function ownFolders(file: string): readonly string[] {
  const parts = dirname(file).split(sep);
  const at = parts.findLastIndex((part) => part === 'lib' || part === 'dist');
  return ['lib', 'dist'].map((name) => [...parts.slice(0, at), name, ''].join(sep));
}

const isOwn = (path: string): boolean => OWN.some((folder) => path.startsWith(folder));

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
