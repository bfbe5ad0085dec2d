import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { describe, expect, it, onTestFinished } from 'vitest';
import { root, runChild } from './helpers/index.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The code block after a marker. */
function block(marker: string): string {
  const found = new RegExp(`<!-- ${marker} -->\n\`\`\`\\w*\n([\\s\\S]*?)\`\`\``).exec(readme);
  if (!found) throw new Error(`Expected a block after <!-- ${marker} --> in README.md, found none`);
  return found[1] as string;
}

describe('README', () => {
  it('shows a program and what it prints', async () => {
    // In the package's own folder its name resolves to itself.
    const file = join(root, 'readme-program.tmp.mjs');
    const { code: program } = transformSync(block('program'), { loader: 'ts', format: 'esm' });
    writeFileSync(file, program);
    onTestFinished(() => rmSync(file, { force: true }));
    const { code, stdout, stderr } = await runChild(`await import('file://${file}');`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim()).toBe(block('output').trim());
  });

  it('links every page of docs', () => {
    const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
    expect(pages.filter((name) => !readme.includes(`(docs/${name})`))).toEqual([]);
  });

  it('names files and folders that exist', async () => {
    const { existsSync } = await import('node:fs');
    const names = [...readme.matchAll(/`((?:docs|bench|examples|lib|test|scripts|assets)\/[\w./-]+)`/g)];
    expect(names.length).toBeGreaterThan(3);
    const missing = names.map(([, name]) => name as string).filter((name) => !existsSync(join(root, name)));
    expect(missing).toEqual([]);
  });
});
