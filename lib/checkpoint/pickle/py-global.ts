import type { StoredDType } from '../dtypes.ts';

type Warn = (message: string) => void;

/** A function of ours that stands for a Python callable. It only builds descriptions. */
export type Construct = (args: readonly unknown[], warn: Warn) => unknown;

/** What a global stands for. One that is not known can be described, but has no meaning. */
export type Meaning =
  | { readonly kind: 'call'; readonly construct: Construct }
  | { readonly kind: 'storage'; readonly dtype: StoredDType | undefined }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'type' }
  | { readonly kind: 'getattr' }
  | { readonly kind: 'unknown' };

/** A class or function by its name, on the machine's stack. */
export class PyGlobal {
  readonly name: string;
  readonly meaning: Meaning;
  constructor(name: string, meaning: Meaning) {
    this.name = name;
    this.meaning = meaning;
  }
}
