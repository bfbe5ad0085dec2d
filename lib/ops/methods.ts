import { describe, type Packet, packetOf } from './call.ts';
import { methodNames } from './generated.ts';
import { isNative } from './handle.ts';
import { toCamelCase } from './naming.ts';

/**
 * Puts a method on `prototype` for each op whose first argument is the tensor: `x.indexSelect(0, index)` calls
 * `aten::index_select`. Keyword arguments are camelCase. A name that the class defines itself is left alone.
 */
export function installMethods(prototype: object): void {
  for (const name of methodNames) {
    const method = toCamelCase(name);
    if (method in prototype) continue;
    Object.defineProperty(prototype, method, {
      value: makeMethod(name, method),
      writable: true,
      configurable: true,
    });
  }
}

function resolve(name: string, method: string): Packet {
  const packet = packetOf(`aten::${name}`);
  if (packet === undefined) throw new TypeError(`This libtorch has no op for the method ${method}`);
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
