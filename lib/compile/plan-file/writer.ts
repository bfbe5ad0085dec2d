import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { pathOf, writeAtomically } from '../../atomic-file.ts';
import { messageOf } from '../../errors.ts';
import type { Tensor } from '../../tensor/index.ts';
import { CompiledModelError } from '../compiled-error.ts';
import type { Plan } from '../cpu/plan.ts';
import type { CudaPlan } from '../cuda/plan.ts';
import { replaceTensors, tensorsOf } from '../plan-tensors.ts';
import {
  type FileContent,
  type FileTensor,
  HEADER_BYTES,
  MAGIC,
  roundUp,
  toJson,
  VERSION,
} from './format.ts';

/**
 * Writes a plan and its tensors to a file; see `CompiledModel.save`.
 *
 * @throws CompiledModelError `ERR_COMPILED_FILE` when the file cannot be written; nothing is left of it then.
 */
export function writeCompiled(path: string | URL, plan: Plan | CudaPlan, batch: number | null): void {
  const target = pathOf(path, 'save');
  const tensors = tensorsOf(plan);
  try {
    writeAtomically(target, (sink) => write(plan, batch, tensors, sink));
  } catch (cause) {
    const reason = messageOf(cause);
    throw new CompiledModelError(`${basename(target)}: could not be written: ${reason}`, {
      code: 'ERR_COMPILED_FILE',
      path: target,
      cause,
    });
  }
}

function write(
  plan: Plan | CudaPlan,
  batch: number | null,
  tensors: readonly Tensor[],
  sink: (bytes: Uint8Array) => void,
): void {
  const hash = createHash('sha256');
  const put = (bytes: Uint8Array) => {
    hash.update(bytes);
    sink(bytes);
  };
  const places = placeTensors(tensors);
  const indices = new Map(tensors.map((tensor, i) => [tensor, i]));
  const json = jsonBytes({
    plan: toJson(replaceTensors(plan, (tensor) => ({ $tensor: indices.get(tensor) }))),
    batch,
    tensors: places,
  });
  const last = places.at(-1);
  put(headerBytes(json.length, last === undefined ? 0 : roundUp(last.offset + last.nbytes)));
  put(json);
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor);
    put(bytes);
    put(new Uint8Array(roundUp(bytes.length) - bytes.length));
  }
  sink(hash.digest());
}

function placeTensors(tensors: readonly Tensor[]): FileTensor[] {
  let offset = 0;
  return tensors.map((tensor) => {
    const nbytes = tensor.numel() * tensor.itemsize;
    const place = { dtype: tensor.dtype, shape: tensor.shape, offset, nbytes };
    offset += roundUp(nbytes);
    return place;
  });
}

function jsonBytes(content: FileContent): Uint8Array {
  const text = Buffer.from(JSON.stringify(content), 'utf8');
  const padding = roundUp(HEADER_BYTES + text.length) - HEADER_BYTES - text.length;
  return Buffer.concat([text, Buffer.alloc(padding, ' ')]);
}

function headerBytes(jsonLength: number, dataLength: number): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 'latin1');
  header.writeUInt32LE(VERSION, 8);
  header.writeBigUInt64LE(BigInt(jsonLength), 16);
  header.writeBigUInt64LE(BigInt(dataLength), 24);
  return header;
}

function bytesOf(tensor: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.data();
  return new Uint8Array(buffer, byteOffset, byteLength);
}
