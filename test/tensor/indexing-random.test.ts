import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as torch from '../../lib/tensor/index.ts';
import { type IndexCase, replayIndexCase } from '../../scripts/opinfo/index-cases.mjs';

// Made by: python scripts/opinfo/index_tuples.py indexing-random.jsonl 700 5. scripts/opinfo/replay.mjs compares thousands more.
const cases = readFileSync(new URL('../fixtures/tensor/indexing-random.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as IndexCase);

describe('indexing by random tuples', () => {
  it('has cases of every kind', () => {
    const text = JSON.stringify(cases.map(({ index }) => index));
    for (const kind of [
      '"..."',
      'null',
      'true',
      'false',
      '"slice"',
      '"list"',
      '"uint8"',
      '"bool"',
      '"shape":[]',
    ])
      expect(text).toContain(kind);
    expect(cases).toHaveLength(700);
  });

  it('reads, writes and refuses as Python does', () => {
    expect(cases.flatMap((item) => replayIndexCase(torch, item))).toEqual([]);
  });

  it('the comparison finds a wrong element, a copy for a view and a missing refusal', () => {
    const right = cases.find(({ read }) => read.data !== undefined && read.data.length > 1) as IndexCase;
    const wrong = { ...right, read: { ...right.read, data: [...(right.read.data ?? [])].reverse() } };
    expect(replayIndexCase(torch, wrong)[0]).toContain('data: ');
    const copied = cases.find(({ read, shape }) => read.view === false && !shape.includes(0)) as IndexCase;
    expect(replayIndexCase(torch, { ...copied, read: { ...copied.read, view: true } })[0]).toContain(
      'a view',
    );
    const refused = { ...right, read: { error: 'IndexError', message: 'made up' } };
    expect(replayIndexCase(torch, refused)[0]).toContain('IndexError expected');
  });
});
