/** A small random generator (mulberry32) whose draws depend on the seed alone, so that any case can be repeated. */
export class Random {
  #state;

  constructor(seed, index = 0) {
    this.#state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
  }

  /** From 0 up to 1. */
  unit() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number below `limit`. */
  below(limit) {
    return Math.floor(this.unit() * limit);
  }

  pick(items) {
    return items[this.below(items.length)];
  }

  chance(probability) {
    return this.unit() < probability;
  }

  bytes(length) {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

const EDGES = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  16,
  63,
  64,
  65,
  127,
  128,
  255,
  256,
  4096,
  65535,
  65536,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 40,
  2 ** 52,
  2 ** 53 - 1,
  2 ** 53,
].map(BigInt);
const WIDE = [2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, -1n, -2n, -(2n ** 31n), -(2n ** 63n)];

/** A number at which checks may go wrong, as a bigint. */
export function edgeNumber(random, near = 0n) {
  const kind = random.unit();
  if (kind < 0.4) return near + BigInt(random.below(17) - 8);
  return random.pick(kind < 0.8 ? EDGES : WIDE);
}

/** Overwrites, removes, repeats or appends a few bytes anywhere. */
export function editBytes(bytes, random) {
  let edited = Buffer.from(bytes);
  for (let edits = 1 + random.below(3); edits > 0; edits--) {
    const at = random.below(edited.length + 1);
    const end = Math.min(edited.length, at + random.below(9));
    const kind = random.unit();
    if (kind < 0.5 && at < edited.length) edited[at] = random.below(256);
    else if (kind < 0.65) edited = Buffer.concat([edited.subarray(0, at), edited.subarray(end)]);
    else if (kind < 0.8) edited = Buffer.concat([edited.subarray(0, end), edited.subarray(at)]);
    else if (kind < 0.9) edited = edited.subarray(0, at);
    else
      edited = Buffer.concat([
        edited.subarray(0, at),
        random.bytes(1 + random.below(8)),
        edited.subarray(at),
      ]);
  }
  return edited;
}

/** A list with a few of its items dropped, repeated, exchanged or taken from `pool`. */
export function editList(items, random, pool) {
  const edited = [...items];
  for (let edits = 1 + random.below(3); edits > 0 && edited.length > 0; edits--) {
    const at = random.below(edited.length);
    const length = 1 + random.below(random.chance(0.2) ? 40 : 4);
    const kind = random.unit();
    if (kind < 0.3) edited.splice(at, length);
    else if (kind < 0.5) edited.splice(at, 0, ...edited.slice(at, at + length));
    else if (kind < 0.7) edited.splice(at, 0, random.pick(pool));
    else if (kind < 0.85) edited[at] = random.pick(pool);
    else edited.splice(random.below(edited.length), 0, ...edited.splice(at, length));
  }
  return edited;
}
