import { loadBinding } from '../binding.ts';
import { TorchError } from '../errors.ts';
import { callOverload, overloadNames, type Packet, packetOf, refreshNames } from './call.ts';
import type { AtenOps } from './generated.ts';

/** An op of a namespace without generated types: call it, or one of its overloads by name. */
export interface UntypedOp {
  (...args: unknown[]): unknown;
  [overload: string]: (...args: unknown[]) => unknown;
}

/** torch.ops: every op in libtorch's dispatcher, by namespace. */
export type Ops<Tensor> = {
  aten: AtenOps<Tensor>;
  /** Loads a shared library that registers ops, as torch.ops.load_library does. */
  loadLibrary(path: string): void;
} & { [namespace: string]: Record<string, UntypedOp> };

/** `default` names the overload without a name, as in torch. */
const toOverloadName = (name: string) => (name === 'default' ? '' : name);

function makeCallable(packet: Packet): UntypedOp {
  const callable = (...args: unknown[]) => packet.call(args, 'torch');
  for (const overload of packet.overloadNames) {
    const key = overload === '' ? 'default' : overload;
    const value = (...args: unknown[]) => callOverload(packet, toOverloadName(key), args);
    Object.defineProperty(callable, key, { value, enumerable: true });
  }
  Object.defineProperty(callable, 'overloads', {
    value: () => packet.overloadNames.map((name) => name || 'default'),
  });
  return callable as unknown as UntypedOp;
}

/**
 * An object whose properties are made at first use: own ones are found without the proxy, which stands behind
 * as the prototype and is asked for the rest.
 */
function lazyObject<T>(make: (key: string) => T | undefined): Record<string, T> {
  const target: Record<string, T> = Object.create(
    new Proxy(Object.create(null), {
      get(_, key) {
        if (typeof key !== 'string') return undefined;
        const value = make(key);
        if (value !== undefined) Object.defineProperty(target, key, { value, enumerable: true });
        return value;
      },
    }),
  );
  return target;
}

// Asked for by promises, JSON and the test runner's printer of any object they meet.
const NOT_OPS = new Set([
  'then',
  'toJSON',
  'constructor',
  'inspect',
  'asymmetricMatch',
  '$$typeof',
  'nodeType',
]);

function makeNamespace(namespace: string): Record<string, UntypedOp> {
  return lazyObject((name) => {
    const packet = packetOf(`${namespace}::${name}`);
    if (packet !== undefined) return makeCallable(packet);
    if (NOT_OPS.has(name)) return undefined;
    throw new TorchError(`Expected an op of this libtorch, got "${namespace}::${name}"`, {
      code: 'ERR_UNKNOWN_OP',
      op: `${namespace}::${name}`,
    });
  });
}

function loadLibrary(path: string): void {
  loadBinding().binding.loadLibrary(path);
  refreshNames();
}

/**
 * Every op of libtorch's dispatcher: `ops.aten.add(a, b, { alpha: 2 })` chooses the overload,
 * `ops.aten.add.Tensor(a, b)` names it. Arguments are converted by the op's schema, keyword arguments go last in
 * an options object with torch's names, `default` is the overload without a name.
 *
 * @throws TypeError when no schema fits the arguments.
 * @throws TorchError `ERR_UNKNOWN_OP` for a name that this libtorch does not have; anything libtorch throws.
 */
export const ops = lazyObject((key): unknown =>
  key === 'loadLibrary' ? loadLibrary : NOT_OPS.has(key) ? undefined : makeNamespace(key),
) as unknown as Ops<unknown>;

/** Names of all ops that the loaded libtorch has: `aten::add.Tensor`, ... */
export function listOps(): string[] {
  return loadBinding().binding.listOps();
}

export { overloadNames };
