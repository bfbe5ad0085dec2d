import type { Tensor } from '../tensor/index.ts';
import { FileSource } from './byte-source.ts';
import { changedMeanwhile } from './errors.ts';
import { detectFormat, type Format } from './format.ts';
import { type FoundStateDict, findStateDict } from './objects/state-dict.ts';
import { readCheckpoint } from './reader.ts';
import { NativeBackend } from './storage/native-backend.ts';
import {
  PlannedBackend,
  type PlannedBuild,
  type PlannedTensor,
  Realizer,
} from './storage/planned-backend.ts';

/** What is in a file, with plans in the places of tensors: no number has been read. */
export interface Inspection {
  readonly format: Format;
  /** Bytes of the file. */
  readonly size: number;
  readonly value: unknown;
  /** Undefined where there is none. */
  readonly state: FoundStateDict | undefined;
  /** Warnings of the reader. */
  readonly warnings: readonly string[];
  /** Reads one tensor into memory of its own. */
  read(planned: PlannedTensor | PlannedBuild): Tensor;
}

/** Reads everything in a checkpoint but its numbers, and keeps the file open while `work` looks at it. */
export function inspectFile<T>(path: string, work: (inspection: Inspection) => T): T {
  const source = new FileSource(path);
  const warnings: string[] = [];
  try {
    const options = {
      mapLocation: (location: string) => location,
      warn: (text: string) => warnings.push(text),
    };
    const value = readCheckpoint(source, new PlannedBackend(), { ...options, unknown: 'describe' });
    const format = detectFormat(source);
    const read = (planned: PlannedTensor | PlannedBuild) => readTensor(source, planned);
    return work({ format, size: source.size, value, state: stateOf(value), warnings, read });
  } catch (error) {
    throw source.hasChanged() ? changedMeanwhile(source.origin, error) : error;
  } finally {
    source.close();
  }
}

function stateOf(value: unknown): FoundStateDict | undefined {
  try {
    return findStateDict(value);
  } catch {
    return undefined;
  }
}

function readTensor(source: FileSource, planned: PlannedTensor | PlannedBuild): Tensor {
  const backend = new NativeBackend(source, undefined);
  const realizer = new Realizer(backend, 'cpu');
  try {
    realizer.expect([planned]);
    return realizer.value(planned) as Tensor;
  } finally {
    backend.close();
  }
}
