import { TABLE_1_CHANGES } from '../evaluate/conditions.ts';

/** What `origin` is measured under too: no domain may be called so. */
const OWN: readonly string[] = ['origin', ...TABLE_1_CHANGES.map(({ name }) => name)];

/**
 * Other domains by name: `NAME=FOLDER`, as --test takes them.
 *
 * @throws RangeError for what has no name or no folder, for a name twice, and for one of the paper's other conditions
 */
export function parseTests(texts: readonly string[]): [name: string, folder: string][] {
  const all = texts.map(parseTest);
  const names = all.map(([name]) => name);
  const own = names.find((name) => OWN.includes(name));
  if (own !== undefined)
    throw new RangeError(
      `Expected a name other than ${OWN.join(', ')} for --test, got "${own}"; it is measured on val`,
    );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return all;
  throw new RangeError(`Expected domains of different names for --test, got two called "${twice}"`);
}

function parseTest(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new RangeError(`Expected NAME=FOLDER for --test, got "${text}"`);
}

/** Whether a domain is called as the paper's, in any case. */
export const isMonet = (name: string): boolean => /^monet$/i.test(name);

/** The domain that stands for the paper's Monet: the one called so, else the first. */
export function otherDomain(
  results: readonly { readonly errors: Readonly<Record<string, number>> }[],
): Record<string, string> {
  const domains = results.flatMap(({ errors }) => Object.keys(errors)).filter((name) => !OWN.includes(name));
  const other = domains.find(isMonet) ?? domains[0];
  return other === undefined ? {} : { Monet: other };
}
