// A backend without libtorch that distrusts the reader: what it asks for must lie in the file and in its storages.

// Beyond the file's size, copies may take this much together; what is deflated may grow to 16 MiB and 32 times.
const SLACK = 1 << 16;
const grown = (size) => (1 << 24) + 32 * size + SLACK;

export class CheckingBackend {
  tensors = 0;
  #source;
  #itemsizes;
  #copied = 0;
  #most;

  /** `itemsizes` gives the bytes of an element by dtype. */
  constructor(source, itemsizes, isDeflated) {
    this.#source = source;
    this.#most = isDeflated ? source.size + grown(source.size) : source.size + SLACK;
    this.#itemsizes = itemsizes;
  }

  fileStorage(offset, nbytes, alignment) {
    check(isCount(offset) && isCount(nbytes), 'a range of counts');
    check(offset + nbytes <= this.#source.size, 'a range in the file');
    check([1, 2, 4, 8, 16].includes(alignment), 'an alignment');
    if (offset % alignment !== 0) this.#copy(nbytes);
    return { nbytes };
  }

  fileStorages(parts) {
    return parts.map(({ offset, nbytes, alignment }) => this.fileStorage(offset, nbytes, alignment));
  }

  copiedStorage(bytes) {
    this.#copy(bytes.length);
    return { nbytes: bytes.length };
  }

  moveStorage(storage, device) {
    check(typeof device === 'string', 'a device');
    return storage;
  }

  exposeStorage(storage) {
    return storage;
  }

  tensor(storage, { dtype, offset, size, stride }) {
    this.tensors++;
    check([offset, ...size, ...stride].every(isCount), 'counts for a tensor');
    check(size.length === stride.length && size.length <= 64, 'as many strides as sizes');
    const last = size.reduce(
      (sum, length, dim) => sum + BigInt(length - 1) * BigInt(stride[dim]),
      BigInt(offset),
    );
    const end = size.includes(0) ? 0n : (last + 1n) * BigInt(this.#itemsizes[dtype].itemsize);
    check(end <= BigInt(storage.nbytes), 'a tensor in its storage');
    return { size };
  }

  build(recipe, parts) {
    this.tensors++;
    check(
      parts.every((part) => part?.size !== undefined),
      'tensors for parts',
    );
    const counts = [...(recipe.size ?? []), ...(recipe.stride ?? []), recipe.axis ?? 0];
    check(counts.every(isCount), 'counts for a tensor');
    return { size: recipe.size ?? parts[0].size };
  }

  complex(re, im) {
    return { re, im };
  }

  close() {}

  #copy(nbytes) {
    this.#copied += nbytes;
    check(this.#copied <= this.#most, 'copies no larger than the file');
  }
}

function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

function check(condition, what) {
  if (!condition) throw new Error(`Expected ${what}`);
}

/** Reads one case. Returns the error's code or 'read'; throws where something is wrong with the reader. */
export function readCase(bytes, lib, kind) {
  const source = new lib.BufferSource(bytes);
  const backend = new CheckingBackend(source, lib.DTYPE_LAYOUTS, kind === 'deflated');
  const mapLocation = (location) => (location.startsWith('cuda') ? 'cuda' : 'cpu');
  let outcome = 'read';
  try {
    lib.readCheckpoint(source, backend, { mapLocation, warn() {} });
  } catch (error) {
    if (error.name !== 'CheckpointError') throw error;
    outcome = error.code;
    check(error.message.length < 2000, 'a short message');
  }
  for (const key in {}) throw new Error(`Expected no key on Object.prototype, got ${key}`);
  return { outcome, tensors: backend.tensors };
}
