import type { Handle } from './schema.ts';

/** What prepares images on threads of its own. */
export interface ImageBinding {
  /** A crew of threads that prepare images; `settle` is told of each batch. */
  imagesCreate(threads: number, settle: (id: number, result: (number | string | null)[]) => void): Handle;
  /** Reads files: a batch, and then their heights and widths, 0 for what is not read natively. */
  imagesOpen(
    crew: Handle,
    id: number,
    sources: (Uint8Array | readonly [path: string | Buffer, offset: number, length: number])[],
  ): Handle;
  /** Fills rows (null: leaves the image out), and then gives for each why it could not, or null. */
  imagesPrepare(
    crew: Handle,
    id: number,
    batch: Handle,
    rows: (Handle | null)[],
    recipes: Int32Array,
    values: Handle | null,
  ): void;
  imagesClose(crew: Handle): void;
  /** A uint8 image (N, C, H, W) in another size, as Pillow's; `filter` is 0 bilinear, 1 bicubic, 2 lanczos. */
  imagesResize(image: Handle, height: number, width: number, filter: number): Handle;
  /** The name and version of the JPEG library in this build; empty where there is none. */
  jpegLibrary(): string;
}
