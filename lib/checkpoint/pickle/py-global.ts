import type { StoredDType } from '../dtypes.ts';
import type { PyDict, PyObject } from '../values.ts';

/** What constructors need of the machine. */
export interface Context {
  /** Tells the user something that does not stop the load. */
  warn(message: string): void;
  /** What calling a class gives, as by the pickle's own opcodes. */
  make(callee: unknown, args: readonly unknown[], keywords?: PyDict): unknown;
  /** Counts bytes that are about to be copied. */
  copy(nbytes: number): void;
}

/** A function of ours that stands for a Python callable. It only builds descriptions. */
export type Construct = (args: readonly unknown[], context: Context) => unknown;

/** What a global stands for. One that is not known can be described, but has no meaning. */
export type Meaning =
  | { readonly kind: 'call'; readonly construct: Construct }
  | { readonly kind: 'object'; readonly value?: (object: PyObject) => unknown }
  | { readonly kind: 'storage'; readonly dtype: StoredDType | undefined; readonly quantized?: string }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'getattr' }
  | { readonly kind: 'unknown' };

/** Globals of one module by name. */
export type Globals = readonly (readonly [module: string, name: string, meaning: Meaning])[];

/** A class or function by its name, on the machine's stack. */
export class PyGlobal {
  readonly name: string;
  readonly meaning: Meaning;
  constructor(name: string, meaning: Meaning) {
    this.name = name;
    this.meaning = meaning;
  }
}

/** Short for a global that is called. */
export function calls(module: string, name: string, construct: Construct): Globals[number] {
  return [module, name, { kind: 'call', construct }];
}
