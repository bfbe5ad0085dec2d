type Transfer = (this: ArrayBuffer, length?: number) => ArrayBuffer;
const METHODS = ['transfer', 'transferToFixedLength'] as const;

/**
 * V8 12 (Node.js 22) moves the memory of a buffer that is transferred to another size, whoever else holds it. Such a
 * transfer of `buffer` is refused from now on; all others leave the memory where it is.
 *
 * @throws TypeError for a frozen or sealed buffer
 */
export function guardTransfer(buffer: ArrayBufferLike): void {
  if (!('transfer' in buffer) || Object.hasOwn(buffer, 'transfer')) return;
  if (!Object.isExtensible(buffer)) {
    throw new TypeError(
      'Expected a buffer that can be kept from moving for fromBuffer, got a frozen one; use tensor(), which copies',
    );
  }
  for (const name of METHODS) {
    const original = (ArrayBuffer.prototype as unknown as Record<string, Transfer>)[name] as Transfer;
    Object.defineProperty(buffer, name, { value: withoutMoving(name, original) });
  }
}

function withoutMoving(name: string, original: Transfer): Transfer {
  return function (length) {
    if (length === undefined || length === this.byteLength) return original.call(this);
    throw new TypeError(
      `Expected no length but its own for ${name} of a buffer whose memory a tensor shares, got ${length}; slice() it`,
    );
  };
}
