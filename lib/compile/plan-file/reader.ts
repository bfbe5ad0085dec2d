import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { messageOf } from '../../errors.ts';
import { type DType, isTensor, type Tensor, tensorFromStorage, UntypedStorage } from '../../tensor/index.ts';
import { CompiledModelError, type CompiledModelErrorCode } from '../compiled-error.ts';
import type { Plan } from '../cpu/plan.ts';
import type { CudaPlan } from '../cuda/plan.ts';
import { tensorsOf } from '../plan-tensors.ts';
import {
  DIGEST_BYTES,
  type FileContent,
  type FileTensor,
  fromJson,
  HEADER_BYTES,
  MAGIC,
  roundUp,
  VERSION,
} from './format.ts';

const CHUNK_BYTES = 1 << 20;

/** An open file that is read once from its start to its end; what was read is hashed on the way. */
class FileReader {
  readonly size: number;
  readonly #descriptor: number;
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  readonly #hash = createHash('sha256');
  #position = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.size = fstatSync(descriptor).size;
  }

  read(length: number): Buffer {
    return this.#fill(Buffer.alloc(length));
  }

  /** The next bytes in memory of their own, which goes back to the system as soon as the engine has packed them. */
  storage(nbytes: number): UntypedStorage {
    const storage = UntypedStorage.ofPages(nbytes);
    this.#pieces(nbytes, (piece, at) => storage.write(at, piece));
    return storage;
  }

  skip(length: number): UntypedStorage[] {
    this.#pieces(length, () => {});
    return [];
  }

  /** Of all bytes so far. */
  digest(): Buffer {
    return this.#hash.copy().digest();
  }

  #pieces(length: number, take: (piece: Buffer, at: number) => void): void {
    for (let at = 0; at < length; at += CHUNK_BYTES)
      take(this.#fill(this.#chunk.subarray(0, Math.min(CHUNK_BYTES, length - at))), at);
  }

  #fill(buffer: Buffer): Buffer {
    let done = 0;
    while (done < buffer.length) {
      const count = readSync(this.#descriptor, buffer, done, buffer.length - done, this.#position + done);
      if (count === 0) throw new RangeError('it was cut off while it was read');
      done += count;
    }
    this.#position += done;
    this.#hash.update(buffer);
    return buffer;
  }
}

/** Reads one file, once; every number in it is checked. */
export class CompiledFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  read(): { plan: Plan | CudaPlan; batch: number | null } {
    const descriptor = this.#open();
    try {
      return this.#parse(new FileReader(descriptor));
    } catch (error) {
      throw error instanceof CompiledModelError ? error : this.#unread(error);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Runs `check`; what it throws means a damaged file. */
  check(check: () => void): void {
    try {
      check();
    } catch (error) {
      throw this.corrupt(messageOf(error), error);
    }
  }

  corrupt(detail: string, cause?: unknown): CompiledModelError {
    return this.#error('ERR_COMPILED_CORRUPT', detail, cause);
  }

  #error(code: CompiledModelErrorCode, detail: string, cause?: unknown): CompiledModelError {
    return new CompiledModelError(`${basename(this.#path)}: ${detail}`, { code, path: this.#path, cause });
  }

  #open(): number {
    try {
      if (!statSync(this.#path).isFile()) throw new TypeError('not a regular file');
      return openSync(this.#path, 'r');
    } catch (error) {
      throw this.#unread(error);
    }
  }

  #unread(error: unknown): CompiledModelError {
    const reason = messageOf(error);
    return this.#error('ERR_COMPILED_FILE', `could not be read: ${reason}`, error);
  }

  #parse(file: FileReader): { plan: Plan | CudaPlan; batch: number | null } {
    const { jsonLength, dataLength } = this.#lengths(file);
    const json = file.read(jsonLength);
    const content = contentOf(json, dataLength);
    // The checksum decides first what is wrong.
    const storages =
      content instanceof Error ? file.skip(dataLength) : readStorages(file, content, dataLength);
    try {
      this.#checkDigest(file);
      if (content instanceof Error) throw this.#unreadable(content);
      return this.#plan(content, storages);
    } finally {
      for (const storage of storages) storage.dispose();
    }
  }

  #plan(
    content: FileContent,
    storages: readonly UntypedStorage[],
  ): { plan: Plan | CudaPlan; batch: number | null } {
    const made: Tensor[] = [];
    try {
      for (const [index, entry] of content.tensors.entries()) made.push(tensorOn(storages[index], entry));
      const plan = fromJson(content.plan, (index) => tensorAt(made, index)) as Plan | CudaPlan;
      const used = new Set(tensorsOf(plan));
      for (const tensor of made) if (!used.has(tensor)) tensor.dispose();
      return { plan, batch: content.batch };
    } catch (error) {
      for (const tensor of made) tensor.dispose();
      throw this.#unreadable(error);
    }
  }

  #unreadable(error: unknown): CompiledModelError {
    return this.corrupt(`its plan cannot be read: ${error instanceof Error ? error.message : error}`, error);
  }

  #lengths(file: FileReader): { jsonLength: number; dataLength: number } {
    const header = file.read(Math.min(HEADER_BYTES, file.size));
    if (header.length < HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC) {
      throw this.corrupt('no compiled model; compile() makes them and save() writes them');
    }
    const version = header.readUInt32LE(8);
    if (version !== VERSION) {
      throw this.#error(
        'ERR_COMPILED_VERSION',
        `version ${version} of the format, and this package reads ${VERSION}; compile and save the model again`,
      );
    }
    const jsonLength = Number(header.readBigUInt64LE(16));
    const dataLength = Number(header.readBigUInt64LE(24));
    const expected = HEADER_BYTES + jsonLength + dataLength + DIGEST_BYTES;
    if (expected !== file.size) throw this.corrupt(`${file.size} bytes where its header says ${expected}`);
    return { jsonLength, dataLength };
  }

  #checkDigest(file: FileReader): void {
    const digest = file.digest();
    if (!digest.equals(file.read(DIGEST_BYTES)))
      throw this.corrupt('its checksum does not match: damaged, or written while it was read');
  }
}

/** The JSON, or what is wrong with it. */
function contentOf(json: Buffer, dataLength: number): FileContent | Error {
  try {
    const content = JSON.parse(json.toString('utf8')) as FileContent;
    let end = 0;
    for (const entry of content.tensors) {
      checkPlace(entry, end, dataLength);
      end = roundUp(entry.offset + entry.nbytes);
    }
    return content;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Tensors follow each other. */
function checkPlace({ offset, nbytes, shape }: FileTensor, start: number, dataLength: number): void {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const inside = offset === start && isCount(nbytes) && offset + nbytes <= dataLength;
  if (!inside || !Array.isArray(shape) || !shape.every(isCount))
    throw new RangeError('a tensor outside the file');
}

function readStorages(file: FileReader, { tensors }: FileContent, dataLength: number): UntypedStorage[] {
  const storages: UntypedStorage[] = [];
  try {
    let end = 0;
    for (const { offset, nbytes } of tensors) {
      file.skip(offset - end);
      storages.push(file.storage(nbytes));
      end = offset + nbytes;
    }
    file.skip(dataLength - end);
    return storages;
  } catch (error) {
    for (const storage of storages) storage.dispose();
    throw error;
  }
}

function tensorOn(storage: UntypedStorage | undefined, { dtype, shape, nbytes }: FileTensor): Tensor {
  if (storage === undefined) throw new RangeError('a tensor without bytes');
  const tensor = tensorFromStorage(storage, dtype as DType, 0, [...shape], stridesOf(shape));
  if (tensor.numel() * tensor.itemsize === nbytes) return tensor;
  tensor.dispose();
  throw new RangeError(`${nbytes} bytes for a ${dtype} tensor of [${shape.join(', ')}]`);
}

function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let d = shape.length - 2; d >= 0; d--) {
    strides[d] = (strides[d + 1] as number) * Math.max(1, shape[d + 1] as number);
  }
  return strides;
}

function tensorAt(tensors: readonly Tensor[], index: unknown): Tensor {
  const tensor = tensors[index as number];
  if (isTensor(tensor)) return tensor;
  throw new RangeError(`no tensor ${index}`);
}
