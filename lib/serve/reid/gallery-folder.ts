import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import { Gallery } from '../../reid/gallery/index.ts';
import { checkProbe } from './probe.ts';

interface NetworkFile {
  readonly format: 1;
  readonly network: string;
  readonly flip: boolean;
  /** Its feature of the test image. */
  readonly probe: readonly number[];
}

/** A gallery as a server keeps it: `gallery.lmdb`, `images/`, and in `network.json` whose features they are. */
export class GalleryFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  get images(): string {
    return join(this.#path, 'images');
  }

  /**
   * Opens the gallery for a network, or begins one.
   *
   * @throws RangeError where it was made with another network, GalleryError
   */
  async open(network: string, flip: boolean, probe: Float32Array): Promise<Gallery> {
    mkdirSync(this.#path, { recursive: true });
    const file = join(this.#path, 'network.json');
    if (existsSync(file)) this.#check(file, flip, probe);
    const gallery = await Gallery.open({ width: probe.length, path: join(this.#path, 'gallery.lmdb') });
    if (!existsSync(file)) this.#write(file, { format: 1, network, flip, probe: Array.from(probe) });
    return gallery;
  }

  #check(file: string, flip: boolean, probe: Float32Array): void {
    const known = JSON.parse(readFileSync(file, 'utf8')) as NetworkFile;
    if (known.format !== 1) {
      throw new RangeError(
        `Expected format 1 in ${file}, got ${known.format}; use the version that wrote it`,
      );
    }
    if (known.flip !== flip) {
      const [was, is] = known.flip ? ['with', 'without'] : ['without', 'with'];
      throw new RangeError(
        `Expected features ${was} mirrored images, as in ${this.#path}, got ${is}; ${known.flip ? 'pass' : 'leave out'} --flip`,
      );
    }
    checkProbe(probe, known.probe);
  }

  #write(file: string, network: NetworkFile): void {
    writeAtomically(file, (sink) => sink(Buffer.from(`${JSON.stringify(network)}\n`)));
  }
}
