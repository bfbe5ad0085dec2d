import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pages } from '../../scripts/package/doc-blocks.mjs';
import { root } from '../helpers/index.ts';

/** Calls of the command in the shell blocks of README and docs: its name and its flags. */
function shellCalls(): { page: string; command: string; flags: string[] }[] {
  return pages.flatMap((page) => {
    const blocks = readFileSync(join(root, page), 'utf8').matchAll(
      /^```(?:sh|dockerfile)\n([\s\S]*?)^```$/gm,
    );
    const calls = [...blocks].flatMap(([, text]) => [
      ...(text as string).matchAll(
        /npx ibn-net (reid [a-z]+|segment [a-z]+|[a-z-]+)((?:(?!ibn-net )[^#\n&|])*)/g,
      ),
    ]);
    return calls.map(([, command, rest]) => ({
      page,
      command: command as string,
      flags: (rest as string).match(/(?<=\s)--[a-z-]+/g) ?? [],
    }));
  });
}

function help(command: string): string {
  const main = join(root, 'dist/cli/main.js');
  return spawnSync(process.execPath, [main, ...command.split(' '), '--help'], { encoding: 'utf8' }).stdout;
}

describe('the shell blocks of README and docs', () => {
  it('name commands and flags that there are', () => {
    const calls = shellCalls();
    expect(calls.length).toBeGreaterThan(15);
    const helps = new Map(
      [...new Set(calls.map(({ command }) => command))].map((name) => [name, help(name)]),
    );
    const unknown = calls.flatMap(({ page, command, flags }) => {
      const text = helps.get(command) ?? '';
      const wrong = flags.filter((flag) => !new RegExp(`${flag}[\\s,]`).test(text));
      return text.startsWith(`Usage: ibn-net ${command}`)
        ? wrong.map((flag) => `${page}: ${command} ${flag}`)
        : [`${page}: ${command}`];
    });
    expect(unknown).toEqual([]);
  });
});
