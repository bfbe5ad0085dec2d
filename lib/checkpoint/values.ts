import type { StoredDType } from './dtypes.ts';

/**
 * What a pickle describes, before anything is made of it. Lists are arrays, bytes are `Uint8Array`s, numbers,
 * strings, booleans and null stand for themselves; the rest is below. No class here does anything.
 */
export class PyTuple {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

const NO_ENTRIES: ReadonlyMap<unknown, unknown> = new Map();

/** What a PyDict is in Python. A namespace is an object that holds nothing but its attributes. */
export type DictKind = 'dict' | 'OrderedDict' | 'Counter' | 'defaultdict' | 'namespace';

/** dict, a subclass or a namespace. `attributes` are what BUILD gave an OrderedDict, such as `_metadata`. */
export class PyDict {
  readonly kind: DictKind;
  attributes: PyDict | undefined;
  // Made with the first entry, so that a million empty dicts stay cheap.
  #entries: Map<unknown, unknown> | undefined;
  constructor(kind: DictKind) {
    this.kind = kind;
  }

  get entries(): ReadonlyMap<unknown, unknown> {
    return this.#entries ?? NO_ENTRIES;
  }

  set(key: unknown, value: unknown): void {
    this.#entries ??= new Map();
    this.#entries.set(key, value);
  }
}

/** set or frozenset. */
export class PySet {
  readonly items: unknown[];
  constructor(items: unknown[]) {
    this.items = items;
  }
}

/** An instance of a class that is not known, as the pickle describes it. */
export class PyObject {
  readonly className: string;
  readonly args: readonly unknown[];
  readonly keywords: PyDict | undefined;
  /** What BUILD gave it; undefined if nothing. */
  state: unknown;
  /** What APPENDS and SETITEMS gave a subclass of list or dict. */
  items: unknown[] | undefined;
  entries: PyDict | undefined;
  /** What it stands for, where that is known. */
  value: ((object: PyObject) => unknown) | undefined;
  constructor(className: string, args: readonly unknown[], keywords?: PyDict) {
    this.className = className;
    this.args = args;
    this.keywords = keywords;
  }
}

/** Stands for a value that is refused or cannot be made, until the end of the pickle tells where it lies. */
export class PyFault {
  readonly raise: (key: string | undefined) => Error;
  constructor(raise: (key: string | undefined) => Error) {
    this.raise = raise;
  }
}

export class PyComplex {
  readonly re: number;
  readonly im: number;
  constructor(re: number, im: number) {
    this.re = re;
    this.im = im;
  }
}

/** A named constant that becomes a string: a device or a layout. */
export class PyName {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export class PyDType {
  readonly dtype: StoredDType;
  constructor(dtype: StoredDType) {
    this.dtype = dtype;
  }
}

/** numpy's dtype: kind and size as in `f8`; the rest is filled in by BUILD. */
export class PyNumpyDType {
  readonly code: string;
  bigEndian = false;
  /** Of a structured one: names, dtypes and offsets as written. */
  fields: { readonly names: unknown; readonly fields: unknown; readonly sub: unknown } | undefined;
  itemsize: number | undefined;
  /** Of dates and spans of time. */
  unit: { readonly name: string; readonly count: number } | undefined;
  constructor(code: string) {
    this.code = code;
  }
}

/** A numpy array, which BUILD fills: a tensor, nested lists, or a description where torch has no such dtype. */
export class PyArray {
  value: unknown;
}

/** The bytes behind tensors. `dtype` is undefined for untyped storages, whose `numel` counts bytes. */
export class PyStorage {
  readonly key: string;
  readonly dtype: StoredDType | undefined;
  readonly numel: number;
  readonly location: string;
  /** For a view on another storage (legacy format): where it begins and ends, in elements. */
  readonly view: { readonly offset: number; readonly numel: number } | undefined;
  /** Bytes that lie in the pickle itself, as those of numpy arrays. */
  readonly inline?: { readonly bytes: Uint8Array; readonly bigEndian: boolean } | undefined;
  /** The dtype of quantized elements, whose integers `dtype` names. */
  readonly quantized?: string | undefined;
  constructor(fields: PyStorage) {
    this.key = fields.key;
    this.dtype = fields.dtype;
    this.numel = fields.numel;
    this.location = fields.location;
    this.view = fields.view;
    this.inline = fields.inline;
    this.quantized = fields.quantized;
  }
}

/** A tensor's geometry on a storage, as read; nothing is checked against the storage yet. */
export interface TensorFields {
  readonly storage: PyStorage;
  readonly dtype: StoredDType;
  readonly offset: number;
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly requiresGrad: boolean;
  readonly conj: boolean;
  readonly neg: boolean;
}

export class PyTensor {
  readonly fields: TensorFields;
  constructor(fields: TensorFields) {
    this.fields = fields;
  }
}

/** How a tensor of another kind is made of dense ones. Parts are described tensors, or plain numbers and names. */
export type Recipe =
  | {
      readonly kind: 'coo';
      readonly parts: readonly [indices: unknown, values: unknown];
      readonly size: readonly number[];
      readonly isCoalesced: boolean | undefined;
    }
  | {
      readonly kind: 'compressed';
      readonly layout: string;
      readonly parts: readonly [compressed: unknown, plain: unknown, values: unknown];
      readonly size: readonly number[];
    }
  | {
      readonly kind: 'per tensor';
      readonly dtype: string;
      readonly parts: readonly [integers: unknown];
      readonly scale: number;
      readonly zeroPoint: number;
    }
  | {
      readonly kind: 'per channel';
      readonly dtype: string;
      readonly parts: readonly [integers: unknown, scales: unknown, zeroPoints: unknown];
      readonly axis: number;
    }
  | {
      readonly kind: 'meta';
      readonly parts: readonly [];
      readonly dtype: string;
      readonly size: readonly number[];
      readonly stride: readonly number[];
    }
  | {
      readonly kind: 'nested';
      readonly parts: readonly [buffer: unknown, sizes: unknown, strides: unknown, offsets: unknown];
    }
  | { readonly kind: 'cast'; readonly parts: readonly [data: unknown]; readonly dtype: StoredDType };

/** A tensor that is not dense, or not on a storage of the file. */
export class PyBuilt {
  readonly recipe: Recipe;
  readonly requiresGrad: boolean;
  constructor(recipe: Recipe, requiresGrad = false) {
    this.recipe = recipe;
    this.requiresGrad = requiresGrad;
  }

  withGrad(requiresGrad: boolean): PyBuilt {
    return new PyBuilt(this.recipe, requiresGrad);
  }
}

/** A tensor that BUILD makes, as before PyTorch 0.2 and by `Parameter()`. */
export class PyUnbuilt {
  readonly isParameter: boolean;
  tensor: PyTensor | PyBuilt | undefined;
  constructor(isParameter: boolean) {
    this.isParameter = isParameter;
  }
}
