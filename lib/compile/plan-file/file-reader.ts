import { createHash } from 'node:crypto';
import { fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { UntypedStorage } from '../../tensor/index.ts';

/** Hashed and copied at a time: about a millisecond in which the event loop waits. */
const CHUNK_BYTES = 1 << 19;

const readAt = promisify(read);

/** An open file that is read once from its start to its end; what was read is hashed on the way. */
export class FileReader {
  readonly size: number;
  readonly #descriptor: number;
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  readonly #hash = createHash('sha256');
  #position = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.size = fstatSync(descriptor).size;
  }

  async read(length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    await this.#pieces(length, (piece, at) => piece.copy(bytes, at));
    return bytes;
  }

  /** The next bytes in memory of their own, which goes back to the system as soon as the engine has packed them. */
  async storage(nbytes: number): Promise<UntypedStorage> {
    const storage = UntypedStorage.ofPages(nbytes);
    try {
      await this.#pieces(nbytes, (piece, at) => storage.write(at, piece));
      return storage;
    } catch (error) {
      storage.dispose();
      throw error;
    }
  }

  async skip(length: number): Promise<void> {
    await this.#pieces(length, () => {});
  }

  /** Of all bytes so far. */
  digest(): Buffer {
    return this.#hash.copy().digest();
  }

  async #pieces(length: number, take: (piece: Buffer, at: number) => void): Promise<void> {
    for (let at = 0; at < length; at += CHUNK_BYTES)
      take(await this.#fill(this.#chunk.subarray(0, Math.min(CHUNK_BYTES, length - at))), at);
  }

  async #fill(buffer: Buffer): Promise<Buffer> {
    let done = 0;
    while (done < buffer.length) {
      const left = buffer.length - done;
      const { bytesRead } = await readAt(this.#descriptor, buffer, done, left, this.#position + done);
      if (bytesRead === 0) throw new RangeError('it was cut off while it was read');
      done += bytesRead;
    }
    this.#position += done;
    this.#hash.update(buffer);
    return buffer;
  }
}
