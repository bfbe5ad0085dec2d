import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as models from '../../lib/models/index.ts';
import { root } from '../helpers/files.ts';
import { reference } from './reference.ts';

interface Row {
  parameters: number;
  keys: number;
  sameKeys?: boolean;
  sameWeights?: boolean;
  logits?: number;
  gradients?: number;
  losses?: number[];
}

const { models: rows } = JSON.parse(readFileSync(join(root, 'bench', 'results', 'parity.json'), 'utf8')) as {
  models: Record<string, Row>;
};

describe('docs/models.md', () => {
  it('is what the generator writes', () => {
    const script = join(root, 'scripts/gen/models-doc.mjs');
    const fresh = execFileSync(process.execPath, [script, '--stdout'], { encoding: 'utf8' });
    expect(fresh).toBe(readFileSync(join(root, 'docs', 'models.md'), 'utf8'));
  });

  it('has every model, and figures within the bars for all published ones', () => {
    expect(Object.keys(rows)).toEqual(models.listModels());
    for (const name of models.listModels({ filter: /_ibn_[ab]$/ })) {
      const row = rows[name] as Row;
      expect(row.parameters, name).toBe(reference(name).parameters);
      expect([row.sameKeys, row.sameWeights], name).toEqual([true, true]);
      expect(row.logits, name).toBeLessThan(1e-5);
      expect(Math.max(row.gradients ?? 1, ...(row.losses ?? [1])), name).toBeLessThan(1e-4);
    }
  });
});
