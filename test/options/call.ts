/** A call of a public entry with the options given. */
export type Call = (options: never) => unknown;

/** Calls by public name. */
export type Calls = Record<string, Call>;
