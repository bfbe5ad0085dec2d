/** Names under which training scripts put the weights, the more usual first. */
export const WRAPPERS = [
  'state_dict',
  'model',
  'model_state_dict',
  'net',
  'network',
  'weights',
  'ema',
] as const;

/** The key without `prefix` at its start; one that does not begin with it as it is. */
export const withoutPrefix = (key: string, prefix: string): string =>
  key.startsWith(prefix) ? key.slice(prefix.length) : key;
