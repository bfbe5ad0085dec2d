import { describeValue } from '../../options.ts';
import { Tensor } from '../../tensor/index.ts';

/** Parameters with the options that apply to them. */
export type ParamGroup<Options> = Options & {
  params: Tensor[];
  initialLr?: number;
  name?: string;
  paramNames?: string[];
};

/** What a group has besides an optimizer's options. */
export const GROUP_KEYS = ['initialLr', 'name'];

/** Parameters, or pairs of name and parameter as `namedParameters()` gives them. */
export type Params = Iterable<Tensor> | Iterable<readonly [string, Tensor]>;

/** What an optimizer takes: parameters, named or not, or groups of them, each with options of its own. */
export type ParamsInput<Options> = Params | Iterable<Partial<Options> & GroupInput>;

/** Parameters of a group, and what a group has besides options. */
export interface GroupInput {
  params: Tensor | Params;
  /** The rate that schedulers begin with; they set it themselves. */
  initialLr?: number;
  /** A name of your own, kept in the state dict. */
  name?: string;
}

/** The groups of an optimizer's first argument. */
export function groupsOf<Options>(
  owner: string,
  params: ParamsInput<Options>,
): (Partial<Options> & GroupInput)[] {
  const items = [...requireIterable<unknown>(owner, params as Iterable<unknown>)];
  if (items.length === 0) {
    throw new RangeError(`Expected at least one parameter for ${owner}, got an empty list`);
  }
  if (items[0] instanceof Tensor || Array.isArray(items[0])) return [{ params: items } as never];
  return items as never;
}

/** Checked parameters of a group, with their names where it has them; `taken` are those of other groups. */
export function readParams(
  owner: string,
  params: GroupInput['params'],
  taken: ReadonlySet<Tensor>,
): { params: Tensor[]; paramNames?: string[] } {
  const items = params instanceof Tensor ? [params] : [...requireIterable<unknown>(owner, params)];
  const named = items.filter((item) => Array.isArray(item));
  if (named.length > 0 && named.length < items.length) {
    throw new TypeError(
      `Expected names for all parameters of a group of ${owner} or for none, got ${named.length} of ${items.length}`,
    );
  }
  const all = new Set(taken);
  const read = items.map((item, i) => {
    const param = checkParam(owner, Array.isArray(item) ? item[1] : item, i, all);
    all.add(param);
    return param;
  });
  return named.length === 0
    ? { params: read }
    : { params: read, paramNames: named.map(([name]) => String(name)) };
}

function requireIterable<T>(owner: string, params: Iterable<T>): Iterable<T> {
  if (typeof params === 'object' && params !== null && Symbol.iterator in params) {
    if (!(params instanceof Tensor)) return params;
  }
  const got = params instanceof Tensor ? 'a Tensor' : typeof params;
  throw new TypeError(`Expected a list of Tensors or groups for ${owner}, got ${got}`);
}

function checkParam(owner: string, param: unknown, index: number, taken: ReadonlySet<Tensor>): Tensor {
  if (!(param instanceof Tensor)) {
    const got = typeof param === 'object' ? describeValue(param) : typeof param;
    throw new TypeError(`Expected a Tensor for ${owner} parameter ${index}, got ${got}`);
  }
  if (!param.isLeaf) {
    throw new RangeError(
      `Expected a leaf Tensor for ${owner} parameter ${index}, got the result of an operation`,
    );
  }
  if (taken.has(param)) {
    throw new RangeError(`Expected each parameter once for ${owner}, got parameter ${index} twice`);
  }
  return param;
}
