import type { ReadEntry } from 'tar';
import { checkAsyncIterable, checkPositions, checkText, describeValue } from '../../options.ts';
import { DatasetError } from '../errors.ts';
import { splitName } from './web-dataset.ts';

/** A sample of a stream of tar data: `__key__`, and the bytes of each file by its ending. */
export interface StreamedSample {
  readonly key: string;
  readonly files: ReadonlyMap<string, Buffer>;
}

/**
 * Samples of a shard that is read from beginning to end, such as a response's body: WebDataset's layout, compressed or
 * not. Nothing is kept but the sample that is being put together. For files that lie on a disk `WebDataset` can do more.
 *
 * @throws DatasetError where the stream ends too early or is no tar data
 * @example
 * const shard = createReadStream('train-0000.tar');
 * for await (const { key, files } of datasets.tarSamples(shard)) console.log(key, [...files.keys()]);
 */
export function tarSamples(
  stream: AsyncIterable<Uint8Array>,
  name = 'shard',
): AsyncGenerator<StreamedSample, void, undefined> {
  checkPositions('tarSamples', arguments, 2);
  checkAsyncIterable('tarSamples', 'a stream of bytes', stream);
  checkText('tarSamples name', 'a name', name);
  return samplesIn(stream, name);
}

async function* samplesIn(
  stream: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<StreamedSample, void, undefined> {
  let key: string | undefined;
  let files = new Map<string, Buffer>();
  for await (const [path, bytes] of entriesOf(stream, name)) {
    const parts = splitName(path);
    if (parts === undefined) continue;
    if (key !== undefined && parts[0] !== key) {
      yield { key, files };
      files = new Map();
    }
    key = parts[0];
    files.set(parts[1], bytes);
  }
  if (key !== undefined) yield { key, files };
}

/** The parser is fed no faster than its files are taken. */
async function* entriesOf(
  stream: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<[path: string, bytes: Buffer]> {
  const ready: [string, Buffer][] = [];
  const failure: { error?: Error } = {};
  const { Parser } = await import('tar'); // loaded here: most programs read none
  const parser = new Parser({ strict: true });
  const isFile = (entry: ReadEntry) => entry.type === 'File' || entry.type === 'OldFile';
  parser.on('entry', (entry: ReadEntry) => {
    if (!isFile(entry)) return entry.resume();
    const chunks: Buffer[] = [];
    entry.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    entry.on('end', () => ready.push([entry.path, Buffer.concat(chunks)]));
  });
  parser.on('error', (error: Error) => {
    failure.error ??= error;
  });
  const ended = new Promise<void>((resolve) => {
    parser.on('end', () => resolve());
    parser.on('error', () => resolve());
  });
  for await (const chunk of stream) {
    if (!parser.write(bytesOf(chunk)) && failure.error === undefined) {
      await new Promise<void>((resolve) => parser.once('drain', () => resolve()));
    }
    if (failure.error !== undefined) throw damaged(name, failure.error);
    yield* ready.splice(0);
  }
  parser.end();
  await ended;
  if (failure.error !== undefined) throw damaged(name, failure.error);
  yield* ready.splice(0);
}

function bytesOf(chunk: unknown): Buffer {
  if (chunk instanceof Uint8Array) return Buffer.from(chunk);
  throw new TypeError(`Expected a stream of Uint8Arrays for tarSamples, got ${describeValue(chunk)} in it`);
}

function damaged(path: string, cause: Error): DatasetError {
  return new DatasetError(`${path}: ${cause.message}; pass an undamaged tar file`, {
    code: 'ERR_DATASET_DAMAGED',
    path,
    cause,
  });
}
