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

const lib = dirname(dirname(fileURLToPath(import.meta.url)));
/** Frames between the line that a person wrote and the op. */
const INTERNAL = [
  'ops',
  'tensor',
  'compile',
  'nn/functional',
  'nn/forward-then-release',
  'nn/hooks',
  'nn/module',
].map((part) => lib + sep + part.replace('/', sep));
const FRAME = /\(?((?:file:\/\/)?[^\s()]+):(\d+):\d+\)?$/;

/** Remembers the call stack. Cheap: nothing is formatted yet. */
export function siteOf(module: string): Site {
  const stack: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 24;
  Error.captureStackTrace(stack, siteOf);
  Error.stackTraceLimit = limit;
  return { module, stack };
}

/** The line that called the op, as `/path/model.ts:12`; undefined where the stack has none. */
export function sourceLine(site: Site): string | undefined {
  for (const frame of (site.stack.stack ?? '').split('\n').slice(1)) {
    const match = FRAME.exec(frame);
    if (match === null) continue;
    const [, file = '', line] = match;
    const path = file.startsWith('file://') ? fileURLToPath(file) : file;
    if (path.startsWith('node:') || INTERNAL.some((prefix) => path.startsWith(prefix))) continue;
    return `${path}:${line}`;
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
