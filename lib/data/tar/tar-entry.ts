/** A file within a tar file. A file of its own: public types must not lead to those of the package `tar`, which want newer types of Node. */
export interface TarEntry {
  readonly path: string;
  /** Where its bytes begin in the tar file. */
  readonly offset: number;
  readonly length: number;
}
