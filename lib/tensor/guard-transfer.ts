type Transfer = (this: ArrayBuffer, length?: number) => ArrayBuffer;
const METHODS = ['transfer', 'transferToFixedLength'] as const;

/** Buffers whose memory a tensor shares, or did. */
const guarded = new WeakSet<ArrayBufferLike>();
const sizeOf = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')?.get as (
  this: ArrayBuffer,
) => number;
let isInstalled = false;

/**
 * V8 12 (Node.js 22) moves the memory of a buffer that is transferred to another size, whoever else holds it. Such a
 * transfer of `buffer`, or of what it is transferred to, is refused from now on by `ArrayBuffer.prototype`, whose methods a
 * program may call on any buffer; all others leave the memory where it is.
 */
export function guardTransfer(buffer: ArrayBufferLike): void {
  guarded.add(buffer);
  if (isInstalled || !('transfer' in ArrayBuffer.prototype)) return;
  isInstalled = true;
  const prototype = ArrayBuffer.prototype as unknown as Record<string, Transfer>;
  for (const name of METHODS) {
    const value = withoutMoving(name, prototype[name] as Transfer);
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

function withoutMoving(name: string, original: Transfer): unknown {
  const methods = {
    [name](this: ArrayBuffer, ...given: [number?]): ArrayBuffer {
      if (!guarded.has(this)) return Reflect.apply(original, this, given);
      const [length] = given;
      if (length !== undefined && length !== sizeOf.call(this)) throw refusal(name, length);
      const moved = original.call(this); // without a length the memory stays
      guarded.add(moved);
      return moved;
    },
  };
  Object.defineProperty(methods[name], 'length', { value: 0, configurable: true });
  return methods[name];
}

function refusal(name: string, length: unknown): TypeError {
  return new TypeError(
    `Expected no length but its own for ${name} of a buffer whose memory a tensor shares, got ${String(length)}; slice() it`,
  );
}
