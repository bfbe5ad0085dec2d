import { basename } from 'node:path';
import { CheckpointError, messageOf } from '../errors.ts';

/** Where bytes come from: the full path for programs, a short name for messages. */
export interface Origin {
  readonly path: string;
  readonly name: string;
}

/** The origin of a file. */
export function fileOrigin(path: string): Origin {
  return { path, name: basename(path) };
}

/** Bytes that break the format: truncated, out of bounds, inconsistent. */
export function corrupt(origin: Origin, detail: string, key?: string): CheckpointError {
  return build(origin, 'ERR_CHECKPOINT_CORRUPT', detail, key);
}

/** A recognised format or feature that is not read; `instead` tells what to do. */
export function unsupported(origin: Origin, detail: string, instead: string, key?: string): CheckpointError {
  return build(origin, 'ERR_CHECKPOINT_UNSUPPORTED', `${detail}${place(key)}; ${instead}`, key, true);
}

/** A global outside the allow-list. */
export function blockedGlobal(
  origin: Origin,
  global: string,
  key?: string,
  advice?: string,
): CheckpointError {
  const reason = advice ?? 'only tensor data is read from checkpoints';
  const detail = `blocked global "${printable(global)}"${place(key)}; ${reason}`;
  return build(origin, 'ERR_CHECKPOINT_BLOCKED_GLOBAL', detail, key, true);
}

/** More objects or deeper nesting than any real checkpoint of this size has. */
export function overLimit(origin: Origin, detail: string, key?: string): CheckpointError {
  return build(origin, 'ERR_CHECKPOINT_LIMIT', detail, key);
}

/** The file could not be opened or read. */
export function readFailure(origin: Origin, cause: unknown): CheckpointError {
  const reason = messageOf(cause);
  return new CheckpointError(`${origin.name}: could not be read: ${reason}`, {
    code: 'ERR_CHECKPOINT_READ',
    path: origin.path,
    cause,
  });
}

/** Somebody wrote to the file between opening and the end of reading. */
export function changedMeanwhile(origin: Origin, cause?: unknown): CheckpointError {
  const message = `${origin.name}: changed while it was read; load it again once it is written`;
  return new CheckpointError(message, { code: 'ERR_CHECKPOINT_READ', path: origin.path, cause });
}

/** The file could not be written; nothing was left at the target. */
export function writeFailure(origin: Origin, cause: unknown): CheckpointError {
  const reason = messageOf(cause);
  return new CheckpointError(`${origin.name}: could not be written: ${reason}`, {
    code: 'ERR_CHECKPOINT_WRITE',
    path: origin.path,
    cause,
  });
}

/** Text from a file made fit for a message: one line, no control characters, bounded. */
export function printable(text: string): string {
  const oneLine = text.replace(/[^\x20-\x7e]/g, '?');
  return oneLine.length <= 120 ? oneLine : `${oneLine.slice(0, 117)}...`;
}

function place(key: string | undefined): string {
  return key ? ` at "${printable(key)}"` : '';
}

function build(origin: Origin, code: string, detail: string, key?: string, placed = false): CheckpointError {
  const message = `${origin.name}: ${detail}${placed ? '' : place(key)}`;
  return new CheckpointError(message, { code, path: origin.path, ...(key ? { key } : {}) });
}
