// The code blocks of README and docs as programs. For tests and scripts/package/check.mjs.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** README and the pages of docs. */
export const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md'),
);

const FENCE = /((?:^<!--(?:(?!-->)[\s\S])*-->\n+)*)^```(\w*)\n([\s\S]*?)^```$/gm;

/** The import of what the package exports and `code` uses without importing or declaring it. */
function importsFor(code, exported) {
  const isUsed = (name) => new RegExp(`(?<![.\\w'])${name}\\b(?!:)`).test(code);
  const isDeclared = (name) =>
    new RegExp(
      `import [^;]*\\b${name}\\b|(const|let|class|function) ([{[](?:(?! of )[^=])*\\b)?${name}\\b`,
    ).test(code);
  const isMissing = (name) => isUsed(name) && !isDeclared(name);
  const names = exported.filter(isMissing);
  return names.length === 0 ? '' : `import { ${names.join(', ')} } from 'ibn-net';\n`;
}

/**
 * The TypeScript and JavaScript of a page. A comment before a block, which no reader sees, may hold `setup` and the lines
 * that go before it, or `check only:` and the reason why it is not run.
 * @param {string} page
 * @param {string[]} exported names of what the package exports
 */
export function blocksOf(page, exported) {
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
        source: `${importsFor(imports + body, exported)}${imports}${body}\nexport {};\n`,
        checkOnly: /<!-- check only: (.*?) -->/.exec(comments)?.[1],
      };
    });
}
