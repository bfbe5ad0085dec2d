// Differences from Python that are meant, each with its reason; replay.mjs fails for others.
import { readFileSync } from 'node:fs';

const entries = JSON.parse(readFileSync(new URL('./known.json', import.meta.url), 'utf8')).map((entry) => ({
  ...entry,
  pattern: new RegExp(entry.op),
  used: false,
}));

/** Two runs of Python may agree by chance where a third differs. */
const isOfKind = (entry, kind) => entry.kind === kind || (entry.kind === 'varies' && kind === undefined);

/**
 * Entries name ops, and may ask for a way of calling, for a text, and for a kind: what calls.mjs finds out about a
 * difference by itself. `varies`: two runs of Python differ. `whole float`: with 2 for 2.0 Python gives the same.
 */
function explains(entry, { call, way, kind, text }) {
  const name = call.overload ? `${call.op}.${call.overload}` : call.op;
  if (!entry.pattern.test(name) || !isOfKind(entry, kind)) return false;
  if (entry.way !== undefined && !entry.way.includes(way)) return false;
  return entry.text === undefined || text.includes(entry.text);
}

/** The reason for a difference; undefined for one that is not meant. */
export function knownReason(difference) {
  const entry = entries.find((candidate) => explains(candidate, difference));
  if (entry === undefined) return undefined;
  entry.used = true;
  return entry.reason;
}

/** Reasons that explained no difference. */
export const staleReasons = () =>
  entries.filter(({ used }) => !used).map(({ op, reason }) => `${op}: ${reason}`);
