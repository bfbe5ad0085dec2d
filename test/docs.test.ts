import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DocBlock, docBlocks, pages } from './helpers/doc-blocks.ts';
import { type DocsPlace, makeDocsPlace } from './helpers/docs-place.ts';

const blocks = pages.flatMap(docBlocks);
const fileName = ({ name }: DocBlock) => name.replace(/\W+/g, '-');

let place: DocsPlace;
beforeAll(async () => {
  place = await makeDocsPlace();
});
afterAll(() => place.remove());

describe('the code of README and docs', () => {
  it('is found', () => {
    expect(blocks.length).toBeGreaterThan(25);
    expect(blocks.filter(({ checkOnly }) => checkOnly === undefined).length).toBeGreaterThan(15);
  });

  it('is strict TypeScript', () => {
    expect(place.typeErrors(new Map(blocks.map((block) => [fileName(block), block.source])))).toBe('');
  });

  for (const block of blocks) {
    const { name, source, checkOnly } = block;
    it.skipIf(checkOnly !== undefined)(`runs: ${name}${checkOnly ? ` (${checkOnly})` : ''}`, () => {
      const { status, stderr } = place.run(fileName(block), source);
      expect(status === 0 ? '' : stderr).toBe('');
    });
  }
});
