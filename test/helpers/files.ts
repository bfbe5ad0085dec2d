import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The repository. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The built package, which child processes and workers import. */
export const dist = join(root, 'dist');

/** The parsed JSON file of test/fixtures. */
export function fixture<T>(path: string): T {
  return JSON.parse(readFileSync(join(root, 'test', 'fixtures', path), 'utf8')) as T;
}

/** A folder that goes when the running test ends. */
export function tmp(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ibn-net-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
