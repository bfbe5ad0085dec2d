import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { nn } from '../../lib/index.ts';
import { toCamelCase } from '../../lib/ops/naming.ts';
import { root } from '../helpers/index.ts';
import { type CallCase, decode, decodeOptions, replayCall } from './module-cases.ts';

const path = join(root, 'test/fixtures/nn/functions.json.gz');
const { cases } = JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as {
  cases: (CallCase & { name: string; case: string; options: Record<string, unknown> })[];
};

it('has the cases of scripts/modules/functions.py', () => expect(cases.length).toBeGreaterThan(50));

it.each(cases.map((entry) => [`${entry.name}, case ${entry.case}`, entry] as const))(
  '%s gives what it gives in PyTorch',
  (_, entry) => {
    const call = nn.functional[toCamelCase(entry.name) as 'relu'];
    replayCall(entry, entry.inputs.map(decode), (inputs) =>
      Reflect.apply(call, null, [...inputs, ...decodeOptions(entry.options)]),
    );
  },
);
