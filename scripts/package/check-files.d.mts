/** A native file of the package. */
export interface NativeFile {
  name: string;
  bytes: number;
  versions: Record<string, string>;
  /** Why it would not load where libtorch does; empty when it would. */
  wrong: string[];
}
export const NEWEST: Readonly<Record<string, string>>;
export function checkFiles(folder: string): NativeFile[];
export function describeFile(file: NativeFile): string;
