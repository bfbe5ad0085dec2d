import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiExamples, programOf } from './helpers/api-examples.ts';
import { type DocsPlace, makeDocsPlace } from './helpers/docs-place.ts';

const examples = apiExamples();
const program = programOf(examples);

let place: DocsPlace;
beforeAll(async () => {
  place = await makeDocsPlace();
});
afterAll(() => place.remove());

describe('the examples in comments of what is exported', () => {
  it('are found', () => {
    expect(examples.length).toBeGreaterThan(70);
    expect(examples.filter(({ checkOnly }) => checkOnly === undefined).length).toBeGreaterThan(50);
  });

  it('are strict TypeScript', () => {
    expect(place.typeErrors(new Map([['api-examples', program]]))).toBe('');
  });

  it('run', () => {
    const { stdout, stderr } = place.run('api-examples', program);
    expect(stdout, stderr).toContain('FAILURES ');
    expect(JSON.parse(stdout.slice(stdout.lastIndexOf('FAILURES ') + 9))).toEqual({});
  });
});
