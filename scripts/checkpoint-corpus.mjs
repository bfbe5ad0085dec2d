// Reads the checkpoints of scripts/checkpoint-corpus.py and compares each with what Python read of it. Needs dist/ and
// libtorch. Prints what differs; --record writes bench/results/checkpoint-corpus.json.
//   python scripts/checkpoint-corpus.py /tmp/corpus && node scripts/checkpoint-corpus.mjs /tmp/corpus [--record]
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { encodeLoaded, normalized, plain } from './corpus/encode.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { record: { type: 'boolean' } },
});
const [folder] = positionals;
const torch = await import('../dist/index.js');
const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));

/** Outcome and, where it is not as expected, why. */
function outcomeOf(name, want) {
  let loaded;
  try {
    loaded = torch.load(join(folder, name));
  } catch (error) {
    if (want.blocked && error.code === 'ERR_CHECKPOINT_BLOCKED_GLOBAL' && error.key?.startsWith(want.kind))
      return ['refused'];
    return ['failed', `${error.code} ${error.message}`];
  }
  if (want.blocked) return ['failed', 'read, though it must be refused'];
  const beside = want.kind === undefined ? undefined : besideProblem(loaded);
  if (beside !== undefined) return ['failed', beside];
  return want.value === undefined ? ['described'] : compared(loaded, want);
}

/** The tensors around the value must be there whatever it is. */
function besideProblem({ epoch, state_dict: weights, after }) {
  const numbers = JSON.stringify([
    epoch,
    plain(weights.get('conv.weight')),
    plain(weights.get('conv.bias')),
    after,
  ]);
  return numbers === '[3,[[0,1],[2,3]],[1,1],[1,"end"]]' ? undefined : `beside it lies ${numbers}`;
}

function compared(loaded, { kind, value, isModule, weightsOnly }) {
  const found = kind === undefined ? loaded : loaded[kind];
  const shown = isModule ? torch.checkpoint.stateDictOf(found) : found;
  const [got, want] = [JSON.stringify(encodeLoaded(shown, torch)), JSON.stringify(normalized(value))];
  if (got !== want) return ['different', firstDifference(got, want)];
  const isDescribed = got.includes('"$inert"') || got.includes('"$global"');
  if (isDescribed && weightsOnly) return ['failed', 'described, though weights_only=True reads it'];
  return [isDescribed ? 'described' : 'equal'];
}

function firstDifference(got, want) {
  let at = 0;
  while (got[at] === want[at]) at++;
  return `got ...${got.slice(Math.max(0, at - 60), at + 100)}\n      want ...${want.slice(Math.max(0, at - 60), at + 100)}`;
}

process.on('warning', () => {});
const counts = {};
for (const [name, want] of Object.entries(expected)) {
  const [outcome, why] = outcomeOf(name, want);
  counts[outcome] = (counts[outcome] ?? 0) + 1;
  if (why !== undefined) console.log(`${outcome} ${name}\n      ${why}`);
}
const objectsRun = ['canary', join(folder, 'canary')].filter(existsSync).length;
const weightsOnly = Object.values(expected).filter((want) => want.weightsOnly).length;
const question =
  'Is every kind of checkpoint read as torch.load reads it, or described, with all tensors beside it?';
const summary = {
  question,
  date: new Date().toISOString().slice(0, 10),
  files: Object.keys(expected).length,
  ...counts,
  weightsOnly,
  objectsRun,
};
console.log(summary);
if (values.record)
  writeFileSync('bench/results/checkpoint-corpus.json', `${JSON.stringify(summary, null, 2)}\n`);
if (counts.failed || counts.different || objectsRun) process.exitCode = 1;
