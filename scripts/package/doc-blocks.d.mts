/** A code block of a page, as a program. */
export interface DocBlock {
  /** `docs/hub.md:6`, the line of its fence. */
  name: string;
  /** TypeScript with the imports and the setup that the page leaves out. */
  source: string;
  /** Why it is compiled and not run. */
  checkOnly: string | undefined;
}

export const pages: string[];
export function blocksOf(page: string, exported: readonly string[]): DocBlock[];
