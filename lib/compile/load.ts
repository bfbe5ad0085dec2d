import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { checkOptions } from '../options.ts';
import {
  type Device,
  type DType,
  isTensor,
  scope,
  type Tensor,
  tensorFromStorage,
  UntypedStorage,
} from '../tensor/index.ts';
import { CompiledModelError, type CompiledModelErrorCode } from './compiled-error.ts';
import { CompiledModel } from './compiled-model.ts';
import { checkCudaPlan } from './cuda/check.ts';
import { cudaDevice, startCuda } from './cuda/compile.ts';
import { CUDA_OPTIONS, type CudaOptions, checkDeviceOptions, cudaSettings } from './cuda/options.ts';
import type { CudaPlan } from './cuda/plan.ts';
import {
  ALIGNMENT,
  DIGEST_BYTES,
  type FileContent,
  type FileTensor,
  fromJson,
  HEADER_BYTES,
  MAGIC,
  VERSION,
} from './file-format.ts';
import type { Plan } from './plan.ts';
import { tensorsOf } from './plan-tensors.ts';
import { engineSettings, RUN_OPTIONS, type RunOptions } from './run-options.ts';
import { pathOf } from './save.ts';

const CHUNK_BYTES = 1 << 20;

/** What `loadCompiled` takes besides the path. */
export interface LoadCompiledOptions extends RunOptions, CudaOptions {
  /** For a model that was compiled for CUDA: which device. Default `cuda`, the current one. */
  device?: Device;
  /** On the CPU: keep the file mapped, so that the model can be saved again. Default false. */
  keepWeights?: boolean;
}

/**
 * Reads a model that `CompiledModel.save` wrote. The whole file is checked against its checksum and the plan against
 * its tensors before anything runs. Kernels reorder the weights again, which takes some tens of milliseconds.
 *
 * Load only files that you trust: steps that libtorch runs (`unsupported: 'eager'`) may name any of its ops that
 * returns one tensor and writes to none.
 *
 * @throws CompiledModelError `ERR_COMPILED_FILE` when the file cannot be read, `ERR_COMPILED_CORRUPT` when it is
 *   damaged or something else, `ERR_COMPILED_VERSION` when another version wrote it.
 * @throws RangeError for a device of another kind than the model was compiled for; TorchError `ERR_CUDA_UNAVAILABLE`.
 * @example
 * const fast = await loadCompiled('resnet50_ibn_a.ibn', { threads: 4 });
 */
export async function loadCompiled<Output = Tensor>(
  path: string | URL,
  options: LoadCompiledOptions = {},
): Promise<CompiledModel<Output>> {
  checkOptions('loadCompiled', options, ['device', 'keepWeights', ...RUN_OPTIONS, ...CUDA_OPTIONS]);
  engineSettings('loadCompiled', options, null);
  cudaSettings('loadCompiled', options);
  const target = pathOf(path, 'loadCompiled');
  const file = new CompiledFile(target);
  const { plan, batch } = file.read();
  if (isCudaPlan(plan)) return onCuda(file, plan, batch, options);
  return onCpu(file, plan, batch, options);
}

const isCudaPlan = (plan: Plan | CudaPlan): plan is CudaPlan => (plan as Partial<CudaPlan>).target === 'cuda';

async function onCpu<Output>(
  file: CompiledFile,
  plan: Plan,
  batch: number | null,
  options: LoadCompiledOptions,
): Promise<CompiledModel<Output>> {
  const { device = 'cpu', keepWeights = false } = options;
  checkDevice(device === 'cpu', device, 'the CPU', plan);
  checkDeviceOptions('loadCompiled', options, device);
  try {
    const own = { batch, keepWeights, owner: 'loadCompiled' };
    return await CompiledModel.fromPlan<Output>(plan, { ...options, ...own });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_OUT_OF_MEMORY') throw error;
    throw file.corrupt(error instanceof Error ? error.message : String(error), error);
  }
}

function onCuda<Output>(
  file: CompiledFile,
  plan: CudaPlan,
  batch: number | null,
  options: LoadCompiledOptions,
): CompiledModel<Output> {
  try {
    const { device = 'cuda' } = options;
    checkDevice(/^cuda(:\d+)?$/.test(device), device, 'CUDA', plan);
    checkDeviceOptions('loadCompiled', options, device);
    file.check(() => checkCudaPlan(plan));
    const own = { device: cudaDevice(device, plan.dtype), batch, owner: 'loadCompiled' };
    return CompiledModel.fromEngine(startCuda(plan, { ...options, ...own }));
  } finally {
    // Those on the device are copies.
    for (const tensor of tensorsOf(plan)) tensor.dispose();
  }
}

function checkDevice(fits: boolean, device: Device, kind: string, plan: Plan | CudaPlan): void {
  if (fits) return;
  for (const tensor of tensorsOf(plan)) tensor.dispose();
  throw new RangeError(
    `Expected ${kind} for loadCompiled device, for which the model was compiled, got "${device}"; compile it for ` +
      'that device',
  );
}

/** An open file. */
class FileReader {
  readonly descriptor: number;
  readonly size: number;
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);

  constructor(descriptor: number) {
    this.descriptor = descriptor;
    this.size = fstatSync(descriptor).size;
  }

  bytes(offset: number, length: number): Buffer {
    return this.#fill(Buffer.alloc(length), offset);
  }

  /** The same of at most CHUNK_BYTES, in memory that the next call uses again. */
  chunk(offset: number, length: number): Buffer {
    return this.#fill(this.#chunk.subarray(0, length), offset);
  }

  #fill(buffer: Buffer, offset: number): Buffer {
    const { length } = buffer;
    let done = 0;
    while (done < length) {
      const count = readSync(this.descriptor, buffer, done, length - done, offset + done);
      if (count === 0) throw new RangeError('the file ends early');
      done += count;
    }
    return buffer;
  }

  /** A mapping of its own for each tensor: the engine gives the memory of each back as soon as it is packed. */
  storage(offset: number, nbytes: number): UntypedStorage {
    return UntypedStorage.mapped(this.descriptor, offset, nbytes);
  }
}

/** Reads one file; every number in it is checked. */
class CompiledFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  read(): { plan: Plan | CudaPlan; batch: number | null } {
    const descriptor = this.#open();
    try {
      return this.#parse(new FileReader(descriptor));
    } finally {
      closeSync(descriptor);
    }
  }

  /** Runs `check`; what it throws means a damaged file. */
  check(check: () => void): void {
    try {
      check();
    } catch (error) {
      throw this.corrupt(error instanceof Error ? error.message : String(error), error);
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
      const reason = error instanceof Error ? error.message : String(error);
      throw this.#error('ERR_COMPILED_FILE', `could not be read: ${reason}`, error);
    }
  }

  #parse(file: FileReader): { plan: Plan | CudaPlan; batch: number | null } {
    const { jsonLength, dataLength } = this.#lengths(file);
    this.#checkDigest(file);
    const dataStart = HEADER_BYTES + jsonLength;
    const made: Tensor[] = [];
    try {
      const content = JSON.parse(file.bytes(HEADER_BYTES, jsonLength).toString('utf8')) as FileContent;
      for (const entry of content.tensors) made.push(readTensor(file, dataStart, dataLength, entry));
      const plan = fromJson(content.plan, (index) => tensorAt(made, index)) as Plan | CudaPlan;
      const used = new Set(tensorsOf(plan));
      for (const tensor of made) if (!used.has(tensor)) tensor.dispose();
      return { plan, batch: content.batch };
    } catch (error) {
      for (const tensor of made) tensor.dispose();
      throw this.corrupt(`its plan cannot be read: ${error instanceof Error ? error.message : error}`, error);
    }
  }

  #lengths(file: FileReader): { jsonLength: number; dataLength: number } {
    const header = file.bytes(0, Math.min(HEADER_BYTES, file.size));
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
    const size = file.size - DIGEST_BYTES;
    const hash = createHash('sha256');
    for (let at = 0; at < size; at += CHUNK_BYTES)
      hash.update(file.chunk(at, Math.min(CHUNK_BYTES, size - at)));
    if (!hash.digest().equals(file.bytes(size, DIGEST_BYTES)))
      throw this.corrupt('its checksum does not match: damaged');
  }
}

function readTensor(file: FileReader, dataStart: number, dataLength: number, entry: FileTensor): Tensor {
  const { dtype, shape, offset, nbytes } = entry;
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const inside =
    isCount(offset) && isCount(nbytes) && offset + nbytes <= dataLength && offset % ALIGNMENT === 0;
  if (!inside || !Array.isArray(shape) || !shape.every(isCount))
    throw new RangeError('a tensor outside the file');
  return scope(() => {
    const storage = file.storage(dataStart + offset, nbytes);
    const tensor = tensorFromStorage(storage, dtype as DType, 0, [...shape], stridesOf(shape));
    if (tensor.numel() * tensor.itemsize === nbytes) return tensor;
    throw new RangeError(`${nbytes} bytes for a ${dtype} tensor of [${shape.join(', ')}]`);
  });
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
