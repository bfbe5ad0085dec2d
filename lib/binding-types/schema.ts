/** An opaque native value: a tensor, generator or storage. Only the binding looks inside. */
export type Handle = { readonly __nativeHandle: never };

/** One argument or result of an op, from its live schema. */
export interface SchemaArgument {
  /** torch's name; empty for most results. */
  name: string;
  /** torch's type: `Tensor`, `int[]`, `ScalarType?`, ... */
  type: string;
  /** The N of `int[N]`: one number may stand for the list. */
  size?: number;
  kwargOnly?: true;
  hasDefault?: true;
  /** The alias set, `a`, or `a!` when the op writes to it. */
  alias?: string;
  /** No converter exists for this type. */
  unsupported?: true;
  /** A tensor for which a number may stand, as for `other` of `add`: it yields to the tensors' dtypes. */
  takesNumber?: true;
}

/** What an op takes and returns. */
export interface OpSchema {
  /** `aten::add` */
  name: string;
  /** `Tensor`, `out`, or empty. */
  overload: string;
  arguments: SchemaArgument[];
  returns: SchemaArgument[];
  /** Every result is an argument written in place. */
  returnsArguments: boolean;
}

/** A native op: arguments in schema order, tensors as handles, `undefined` for a default. */
export type NativeOp = (...args: unknown[]) => unknown;
