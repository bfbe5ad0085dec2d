import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './helpers/files.ts';

const PAGES = [
  'CONTRIBUTING.md',
  'README.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'));
const PATH = /`((?:lib|native|test|scripts|docs|bench|examples|assets)\/[\w./-]+)`/g;

/** The paths of the tree that a page names; what is made (bench/results/*.log, NAME) is no path of the tree. */
const pathsOf = (page: string): string[] =>
  [...readFileSync(join(root, page), 'utf8').matchAll(PATH)]
    .map((match) => match[1] as string)
    .filter((path) => !/NAME|\.log$/.test(path));

it('pages name files that exist', () => {
  const named = PAGES.flatMap((page) => pathsOf(page).map((path) => ({ page, path })));
  expect(named.length).toBeGreaterThan(60);
  // `test/checkpoint/fuzz` stands for its test file.
  const exists = (path: string) =>
    ['', '.test.ts', '.slow.test.ts'].some((ending) => existsSync(join(root, path + ending)));
  expect(named.filter(({ path }) => !exists(path))).toEqual([]);
});
