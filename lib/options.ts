/** Edit distance between two words, letter case ignored. */
function distance(a: string, b: string): number {
  const from = a.toLowerCase();
  const to = b.toLowerCase();
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/**
 * The known names nearest to a misspelt one, or those it is the beginning of; at most three, none if all are far.
 *
 * @example
 * nearNames('strid', ['stride', 'padding']); // ['stride']
 */
export function nearNames(name: string, known: readonly string[]): string[] {
  const longer = name.length < 3 ? [] : known.filter((candidate) => candidate.startsWith(name));
  if (longer.length > 0) return longer.slice(0, 3);
  const plain = (text: string): string => text.replaceAll('_', '');
  const distances = known.map((candidate) => distance(plain(name), plain(candidate)));
  const nearest = Math.min(...distances);
  if (nearest > Math.max(2, Math.ceil(name.length / 3))) return [];
  return known.filter((_, i) => distances[i] === nearest).slice(0, 3);
}

function orList(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/** `; did you mean X or Y?` for a misspelt name, or a list of the known names where none is near. */
export function suggestion(name: string, known: readonly string[], what = 'names'): string {
  const near = nearNames(name, known);
  return near.length > 0 ? `; did you mean ${orList(near)}?` : `; known ${what}: ${known.join(', ')}`;
}

/**
 * Refuses option keys that nothing reads, so that a misspelt option cannot pass in silence.
 *
 * @throws TypeError if `options` is not an object, RangeError on an unknown key.
 */
export function checkOptions(owner: string, options: object, known: readonly string[]): void {
  checkOptionsObject(owner, options);
  if (options === undefined) throw new TypeError(`Expected an options object for ${owner}, got undefined`);
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    throw new RangeError(
      `Expected a known option for ${owner}, got "${key}"${suggestion(key, known, 'options')}`,
    );
  }
}

/** Refuses what is no options object, where others check the keys. Undefined stands for none. */
export function checkOptionsObject(owner: string, options: unknown = {}): void {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return;
  const got = Array.isArray(options) ? 'an array' : options === null ? 'null' : typeof options;
  throw new TypeError(`Expected an options object for ${owner}, got ${got}`);
}

/**
 * Refuses arguments behind the last one that is read, so that a size or options in the wrong place cannot pass in
 * silence. Undefined stands for none.
 *
 * @throws TypeError.
 */
export function checkPositions(owner: string, given: ArrayLike<unknown>, most: number): void {
  for (let i = most; i < given.length; i++) {
    if (given[i] !== undefined) throw tooMany(owner, given, most);
  }
}

function tooMany(owner: string, given: ArrayLike<unknown>, most: number): TypeError {
  const count = `${most} argument${most === 1 ? '' : 's'}`;
  return new TypeError(
    `Expected at most ${count} for ${owner}, got ${given.length}, of which nothing reads ${describeValue(given[most])}`,
  );
}

/** Refuses all but numbers, NaN among them. The names of `values` are what errors call them. */
export function checkNumbers(owner: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'number' && !Number.isNaN(value)) continue;
    throw new TypeError(`Expected a number for ${owner} ${name}, got ${describeValue(value)}`);
  }
}

/** Refuses all but true and false. */
export function checkFlag(owner: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean')
    throw new TypeError(`Expected a boolean for ${owner}, got ${describeValue(value)}`);
}

/** The same for options by name; undefined stands for the default. */
export function checkFlags(owner: string, flags: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(flags))
    if (value !== undefined) checkFlag(`${owner} ${name}`, value);
}

/** Refuses what cannot be called. */
export function checkFunction(owner: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw new TypeError(`Expected a function for ${owner}, got ${describeValue(value)}`);
}

/** Refuses all but strings. `what` says what should be in it. */
export function checkText(owner: string, what: string, value: unknown): asserts value is string {
  if (typeof value === 'string') return;
  throw new TypeError(`Expected ${what} for ${owner}, got ${describeValue(value)}`);
}

/** Refuses all but arrays of strings. */
export function checkTexts(owner: string, what: string, value: unknown): asserts value is readonly string[] {
  if (!Array.isArray(value))
    throw new TypeError(`Expected an array of ${what} for ${owner}, got ${describeValue(value)}`);
  const bad = value.findIndex((item) => typeof item !== 'string');
  if (bad < 0) return;
  throw new TypeError(
    `Expected an array of ${what} for ${owner}, got ${describeValue(value[bad])} at ${bad}`,
  );
}

/** Refuses what cannot be walked through. `what` says what should be in it. */
export function checkIterable(
  owner: string,
  what: string,
  value: unknown,
): asserts value is Iterable<unknown> {
  const isIterable = typeof value === 'object' && value !== null && Symbol.iterator in value;
  if (!isIterable) throw new TypeError(`Expected ${what} for ${owner}, got ${describeValue(value)}`);
}

/** Refuses what cannot be walked through by `for await`. `what` says what should be in it. */
export function checkAsyncIterable(owner: string, what: string, value: unknown): void {
  const isObject = typeof value === 'object' && value !== null;
  if (isObject && (Symbol.asyncIterator in value || Symbol.iterator in value)) return;
  throw new TypeError(`Expected ${what} for ${owner}, got ${describeValue(value)}`);
}

/** Refuses all but the known values; a text that is nearly one is told so. */
export function checkChoice<T>(owner: string, name: string, value: unknown, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T;
  const list = known.map((item) => JSON.stringify(item)).join(', ');
  const near = typeof value === 'string' ? suggestion(value, known.map(String), 'values') : '';
  const hint = near.startsWith('; did') ? near : '';
  throw new RangeError(`Expected one of ${list} for ${owner} ${name}, got ${describeValue(value)}${hint}`);
}

/** Refuses all but whole numbers from `least` on. */
export function checkCount(owner: string, name: string, value: unknown, least = 1): number {
  if (typeof value !== 'number') {
    throw new TypeError(`Expected a whole number for ${owner} ${name}, got ${describeValue(value)}`);
  }
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new RangeError(`Expected a whole number from ${least} for ${owner} ${name}, got ${value}`);
}

/** Refuses all but numbers; from `least` on, where it is given. */
export function checkNumber(owner: string, name: string, value: unknown, least = -Infinity): number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new TypeError(`Expected a number for ${owner} ${name}, got ${describeValue(value)}`);
  }
  if (value >= least) return value;
  throw new RangeError(`Expected a number from ${least} for ${owner} ${name}, got ${value}`);
}

/** What a value is, for an error: numbers and texts as they are, objects by class. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return 'an array';
  const name = value.constructor?.name ?? 'Object';
  return name === 'Object' ? 'an object' : `a ${name}`;
}
