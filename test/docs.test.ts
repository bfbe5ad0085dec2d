import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DocBlock, docBlocks, pages } from './helpers/doc-blocks.ts';
import { type DocsPlace, makeDocsPlace } from './helpers/docs-place.ts';

const blocks = pages.flatMap(docBlocks);
const fileName = ({ name }: DocBlock) => name.replace(/\W+/g, '-');

let place: DocsPlace;
let problems: ReadonlyMap<string, string>;
beforeAll(async () => {
  place = await makeDocsPlace();
  const run = blocks.filter(({ checkOnly }) => checkOnly === undefined);
  problems = place.runAll(new Map(run.map((block) => [fileName(block), block.source])));
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
    const { name, checkOnly } = block;
    it.skipIf(checkOnly !== undefined)(`runs: ${name}${checkOnly ? ` (${checkOnly})` : ''}`, () => {
      expect(problems.get(fileName(block))).toBe('');
    });
  }
});
