import { type Packet, packetOf } from './call.ts';
import { describe } from './describe.ts';
import { methodNames } from './generated.ts';
import { isNative } from './handle.ts';
import { toCamelCase } from './naming.ts';

/**
 * Puts a method on `prototype` for each op whose first argument is the tensor: `x.indexSelect(0, index)` calls
 * `aten::index_select`. Keyword arguments are camelCase. A name that the class defines itself is left alone.
 */
export function installMethods(prototype: object): void {
  makeDictionary(prototype);
  for (const name of methodNames) {
    const method = toCamelCase(name);
    if (Reflect.has(prototype, method)) continue;
    Object.defineProperty(prototype, method, {
      value: makeMethod(name, method),
      writable: true,
      configurable: true,
    });
  }
}

/**
 * Makes V8 keep the properties in a hash table while they are added. Otherwise it copies the list of all of them for
 * each new one: 25 ms. (`in` would undo it; with the first call of a method V8 makes the list, once.)
 */
function makeDictionary(prototype: object): void {
  Object.defineProperty(prototype, '_', { value: undefined, configurable: true });
  Object.defineProperty(prototype, '__', { value: undefined, configurable: true });
  Reflect.deleteProperty(prototype, '_');
  Reflect.deleteProperty(prototype, '__');
}

function resolve(name: string, method: string): Packet {
  const packet = packetOf(`aten::${name}`);
  if (packet === undefined) throw new TypeError(`This libtorch has no op for ${method}`);
  return packet;
}

function makeMethod(name: string, method: string): (...args: unknown[]) => unknown {
  let packet: Packet | undefined;
  return function (this: unknown, ...args: unknown[]): unknown {
    packet ??= resolve(name, method);
    if (typeof this === 'object' && this !== null && isNative(this)) {
      if (args.length === 1) return packet.callBinary(this, args[0], 'camel');
      if (args.length === 0) return packet.callUnary(this, 'camel');
    }
    if (this === undefined) throw new TypeError(`Expected a Tensor for ${method}, got ${describe(this)}`);
    args.unshift(this);
    return packet.call(args, 'camel');
  };
}

/** The function `name` that calls `aten::<op>`, looked up at its first call. Keyword arguments are camelCase. */
export function functionOf<F>(op: string, name: string): F {
  let packet: Packet | undefined;
  const call = (...args: unknown[]): unknown => {
    packet ??= resolve(op, name);
    const [self, other] = args;
    if (typeof self === 'object' && self !== null && isNative(self)) {
      if (args.length === 2) return packet.callBinary(self, other, 'camel');
      if (args.length === 1) return packet.callUnary(self, 'camel');
    }
    return packet.call(args, 'camel');
  };
  Object.defineProperty(call, 'name', { value: name });
  return call as F;
}
