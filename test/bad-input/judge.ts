import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { scope } from '../../lib/tensor/index.ts';
import { root } from '../helpers/index.ts';
import { allowed } from './allowed.ts';
import { type BadCall, badCalls } from './bad-values.ts';
import { encode } from './encode.ts';

/** A call that works, of which bad ones are made. */
export interface GoodCall {
  /** As it is exported: `nn.functional.conv2d`; `nn.Conv2d.forward` for the forward of an instance. */
  name: string;
  args: readonly unknown[];
  call: (...args: never[]) => unknown;
  /** Of a class the inputs of forward, and of a forward what its instance is made of: for Python. */
  other?: readonly unknown[];
  training?: boolean;
}

/** What the engine says of a value that nobody checked. */
const ENGINE =
  /^Cannot (read|set|destructure|convert|mix|access|use|assign|create|delete|redefine)|is not (a function|iterable|a constructor|an object|defined|extensible|an entry)|is not iterable|Invalid (array|typed array|string|count|Date)|Maximum call stack|Method .* called on|BigInt|Reduce of empty|^Reflect|^Object prototype|offset is out of bounds|out of range$|^The (number|"\w+" argument)|^Class constructor|^Found non-callable|^Iterator value|precision|object is not|[uU]nexpected (token|end)/;
/** What only those who write libtorch understand. */
const INSIDE =
  /INTERNAL ASSERT|sparse_coo\)|c10::|\bat::|\.cpp\b|dispatch key|report a bug|std::|vector::|basic_string|SymInt|autograd::|__torch|memory descriptor/;

/** What was expected, or which op refuses. */
const SAYS_WHAT = /\b[Ee]xpected\b|^\w+::\w+|^Unknown \w+ "/;

/** As long as anything may take. A busy machine may take as long for a good call, so it is only for what hangs. */
const LONGEST = 1000;

/** The bad calls that torch takes too, by name: scripts/bad-input/torch.py writes them. */
function takenByTorch(area: string): Record<string, string[]> {
  try {
    const packed = readFileSync(join(root, `test/fixtures/bad-input/${area}.json.gz`));
    return JSON.parse(gunzipSync(packed).toString('utf8'));
  } catch {
    return {};
  }
}

/** Where to write what was taken, for scripts/bad-input/torch.py. */
const dump = process.env.BAD_INPUT_DUMP;

async function messageFrom(call: () => unknown): Promise<{ message?: string; error?: unknown }> {
  try {
    let result: unknown;
    scope(() => {
      result = call();
    });
    await result;
    return {};
  } catch (error) {
    const isError = error instanceof Error && error.message !== '';
    return { error, message: isError ? error.message : `${String(error)} is no Error with a message` };
  }
}

/** What is wrong with an error; undefined where nothing is. */
export function complaintAbout(error: unknown, message: string): string | undefined {
  if (!(error instanceof Error)) return message;
  if (ENGINE.test(message) && !SAYS_WHAT.test(message)) return `the engine's: ${message}`;
  if (INSIDE.test(message)) return `libtorch's: ${message}`;
  if (!SAYS_WHAT.test(message)) return `says not what was expected: ${message}`;
  return undefined;
}

/** Tries every bad call made of good ones. */
export class Judge {
  readonly #area: string;
  readonly #taken: Record<string, string[]>;
  readonly #isOurs: boolean;

  /** `isOurs` for what torch does not have: only what nothing can take must be refused. */
  constructor(area: string, isOurs = false) {
    this.#area = area;
    this.#isOurs = isOurs;
    this.#taken = takenByTorch(area);
  }

  /** What is wrong with the answers to bad calls. */
  async complaints(good: GoodCall): Promise<string[]> {
    const found: string[] = [];
    const first = await messageFrom(() => Reflect.apply(good.call, undefined, [...good.args]));
    if (first.message !== undefined) found.push(`the good call: ${first.message}`);
    for (const bad of badCalls(good.args)) {
      const complaint = await this.#complaint(good, bad);
      if (complaint !== undefined) found.push(`${bad.label}: ${complaint}`);
    }
    return found;
  }

  async #complaint(good: GoodCall, bad: BadCall): Promise<string | undefined> {
    if (allowed(good.name, bad.label)) return undefined;
    if (dump !== undefined) appendFileSync(join(dump, 'last'), `${good.name} ${bad.label}\n`);
    const start = performance.now();
    const { error, message } = await messageFrom(() => Reflect.apply(good.call, undefined, bad.args));
    const took = performance.now() - start;
    if (took > LONGEST) return `took ${Math.round(took)} ms`;
    if (message !== undefined) return complaintAbout(error, message);
    if (!bad.hopeless && (this.#isOurs || this.#taken[good.name]?.includes(bad.label))) return undefined;
    this.#note(good, bad);
    return bad.hopeless ? 'was taken' : 'was taken, which torch refuses';
  }

  #note({ name, other, training = true }: GoodCall, { label, args, hopeless }: BadCall): void {
    if (dump === undefined) return;
    const line = { name, label, hopeless, training, args: encode(args), other: encode(other ?? null) };
    appendFileSync(join(dump, `${this.#area}.jsonl`), `${JSON.stringify(line)}\n`);
  }
}
