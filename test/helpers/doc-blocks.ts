import * as library from '../../lib/index.ts';
import { blocksOf, type DocBlock } from '../../scripts/package/doc-blocks.mjs';

export { type DocBlock, pages } from '../../scripts/package/doc-blocks.mjs';

/** The TypeScript and JavaScript of a page. */
export const docBlocks = (page: string): DocBlock[] => blocksOf(page, Object.keys(library));
