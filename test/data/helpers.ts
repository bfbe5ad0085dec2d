import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '../../lib/tensor/index.ts';

const FIXTURES = new URL('../fixtures/', import.meta.url);

/** Full path of a file in test/fixtures. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(name, FIXTURES));
}

/** A JSON file of test/fixtures/data. */
export function fixtureJson<Content>(name: string): Content {
  return JSON.parse(readFileSync(fixture(`data/${name}`), 'utf8'));
}

/** Largest and mean absolute difference of two tensors of one shape. */
export function difference(a: Tensor, b: Tensor): { max: number; mean: number } {
  const gap = a.to('float64').sub(b.to('float64')).abs();
  return { max: gap.max().item() as number, mean: gap.mean().item() as number };
}
