import type { OpSchema } from '../binding.ts';
import { toCamelCase } from './naming.ts';

/** Makes the results of one call: an array, whose items have names too where the schema names them. */
export type Gather = (results: unknown[]) => unknown[];

/**
 * How the results of an op are given: `const [values, indices] = x.max(1)`, and as torch's return types by name,
 * `x.max(1).values`. Names of several words may be spelled as in torch or in camelCase.
 */
export function gatherFor({ name, returns }: OpSchema): Gather {
  if (returns.some((result) => !result.name)) return (results) => results;
  const Results = resultsClass(
    name.slice(name.lastIndexOf(':') + 1),
    returns.map((result) => result.name),
  );
  return (results) => {
    const named = new Results();
    for (let i = 0; i < results.length; i++) named[i] = results[i];
    return named;
  };
}

function resultsClass(name: string, fields: string[]): new () => unknown[] {
  const Results = class extends Array<unknown> {};
  Object.defineProperty(Results, 'name', { value: name });
  for (const [i, field] of fields.entries()) {
    const item = {
      get(this: unknown[]) {
        return this[i];
      },
    };
    for (const spelling of new Set([field, toCamelCase(field)]))
      Object.defineProperty(Results.prototype, spelling, item);
  }
  return Results;
}
