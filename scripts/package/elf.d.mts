/** What an ELF library asks of the system. */
export interface Elf {
  needed: string[];
  /** The newest version of each family of symbols: `{ GLIBC: '2.28' }`. */
  versions: Record<string, string>;
  symbols: string[];
  stripped: boolean;
}
export function readElf(path: string): Elf;
export function compareVersions(a: string, b: string): number;
