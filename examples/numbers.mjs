/**
 * Reads the options of `parseArgs` that are numbers: `number(name, least)`, undefined for an option that is not there.
 *
 * @throws RangeError for other text and numbers below `least`, by default 0.
 */
export function numbersOf(values) {
  return (name, least = 0) => {
    const text = values[name];
    if (text === undefined) return undefined;
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (value >= least) return value;
    throw new RangeError(`Expected a number of at least ${least} for --${name}, got ${text}`);
  };
}
