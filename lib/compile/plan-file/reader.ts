import { closeSync, openSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { errorOf, messageOf } from '../../errors.ts';
import {
  type DType,
  isTensor,
  type Tensor,
  tensorFromStorage,
  type UntypedStorage,
} from '../../tensor/index.ts';
import { rowMajor } from '../../tensor/strides.ts';
import { CompiledModelError, type CompiledModelErrorCode } from '../compiled-error.ts';
import type { Plan } from '../cpu/plan.ts';
import type { CudaPlan } from '../cuda/plan.ts';
import { tensorsOf } from '../plan-tensors.ts';
import { FileReader } from './file-reader.ts';
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

/** What a file has. */
interface FilePlan {
  plan: Plan | CudaPlan;
  batch: number | null;
}

/** Reads one file, once; every number in it is checked. */
export class CompiledFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The event loop goes on between pieces of the file. */
  async read(): Promise<FilePlan> {
    const descriptor = this.#open();
    try {
      return await this.#parse(new FileReader(descriptor));
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

  /** At once: whoever deletes or replaces the file after the call does not change which one is read. */
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

  async #parse(file: FileReader): Promise<FilePlan> {
    const { jsonLength, dataLength } = await this.#lengths(file);
    const content = contentOf(await file.read(jsonLength), dataLength);
    // The checksum decides first what is wrong.
    const tensors = content instanceof Error ? [] : content.tensors;
    const storages = await readStorages(file, tensors, dataLength);
    try {
      await this.#checkDigest(file);
      if (content instanceof Error) throw this.#unreadable(content);
      return this.#plan(content, storages);
    } finally {
      for (const storage of storages) storage.dispose();
    }
  }

  #plan(content: FileContent, storages: readonly UntypedStorage[]): FilePlan {
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
    return this.corrupt(`its plan cannot be read: ${messageOf(error)}`, error);
  }

  async #lengths(file: FileReader): Promise<{ jsonLength: number; dataLength: number }> {
    const header = await file.read(Math.min(HEADER_BYTES, file.size));
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

  async #checkDigest(file: FileReader): Promise<void> {
    const digest = file.digest();
    if (!digest.equals(await file.read(DIGEST_BYTES)))
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
    return errorOf(error);
  }
}

/** Tensors follow each other. */
function checkPlace({ offset, nbytes, shape }: FileTensor, start: number, dataLength: number): void {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const inside = offset === start && isCount(nbytes) && offset + nbytes <= dataLength;
  if (!inside || !Array.isArray(shape) || !shape.every(isCount))
    throw new RangeError('a tensor outside the file');
}

async function readStorages(
  file: FileReader,
  tensors: readonly FileTensor[],
  dataLength: number,
): Promise<UntypedStorage[]> {
  const storages: UntypedStorage[] = [];
  try {
    let end = 0;
    for (const { offset, nbytes } of tensors) {
      await file.skip(offset - end);
      storages.push(await file.storage(nbytes));
      end = offset + nbytes;
    }
    await file.skip(dataLength - end);
    return storages;
  } catch (error) {
    for (const storage of storages) storage.dispose();
    throw error;
  }
}

function tensorOn(storage: UntypedStorage | undefined, { dtype, shape, nbytes }: FileTensor): Tensor {
  if (storage === undefined) throw new RangeError('a tensor without bytes');
  const tensor = tensorFromStorage(storage, dtype as DType, 0, [...shape], rowMajor(shape));
  if (tensor.numel() * tensor.itemsize === nbytes) return tensor;
  tensor.dispose();
  throw new RangeError(`${nbytes} bytes for a ${dtype} tensor of [${shape.join(', ')}]`);
}

function tensorAt(tensors: readonly Tensor[], index: unknown): Tensor {
  const tensor = tensors[index as number];
  if (isTensor(tensor)) return tensor;
  throw new RangeError(`no tensor ${index}`);
}
