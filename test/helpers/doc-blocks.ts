import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as library from '../../lib/index.ts';
import { root } from './files.ts';

/** A code block of a page, as a program. */
export interface DocBlock {
  /** `docs/hub.md:6`, the line of its fence. */
  name: string;
  /** TypeScript with the imports and the setup that the page leaves out. */
  source: string;
  /** Why it is compiled and not run. */
  checkOnly: string | undefined;
}

/** README and the pages of docs. */
export const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md'),
);

const FENCE = /((?:^<!--(?:(?!-->)[\s\S])*-->\n+)*)^```(\w*)\n([\s\S]*?)^```$/gm;

/** The import of what the package exports and `code` uses without importing or declaring it. */
function importsFor(code: string): string {
  const isUsed = (name: string) => new RegExp(`(?<![.\\w'])${name}\\b(?!:)`).test(code);
  const isDeclared = (name: string) =>
    new RegExp(`import [^;]*\\b${name}\\b|(const|let|class|function) ([{[][^=]*\\b)?${name}\\b`).test(code);
  const isMissing = (name: string) => isUsed(name) && !isDeclared(name);
  const names = Object.keys(library).filter(isMissing);
  return names.length === 0 ? '' : `import { ${names.join(', ')} } from 'ibn-net';\n`;
}

/**
 * The TypeScript and JavaScript of a page. A comment before a block, which no reader sees, may hold `setup` and the lines
 * that go before it, or `check only:` and the reason why it is not run.
 */
export function docBlocks(page: string): DocBlock[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(FENCE)]
    .filter(([, , language]) => language === 'ts' || language === 'js')
    .map(([whole, comments = '', , code = ''], i, all) => {
      const setup = /<!-- setup\n([\s\S]*?)-->/.exec(comments)?.[1] ?? '';
      const start = (all[i]?.index ?? 0) + whole.indexOf('```');
      const imports = code.match(/^import .*\n/gm)?.join('') ?? '';
      const body = setup + code.replace(/^import .*\n/gm, '');
      return {
        name: `${page}:${text.slice(0, start).split('\n').length}`,
        source: `${importsFor(imports + body)}${imports}${body}\nexport {};\n`,
        checkOnly: /<!-- check only: (.*?) -->/.exec(comments)?.[1],
      };
    });
}
