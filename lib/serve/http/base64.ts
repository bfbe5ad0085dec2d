import { badRequest } from '../request-error.ts';

/** Bytes of base64, or of a `data:` URL of it. @throws RequestError for what is none: Node would leave out what it does not know */
export function decodeBase64(text: unknown, name: string): Buffer {
  if (typeof text !== 'string') throw badRequest(`Expected base64 for ${name}, got ${kindOf(text)}`);
  const encoded = text.startsWith('data:') ? text.slice(text.indexOf(',') + 1) : text;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length > 0 && bytes.length === lengthOf(encoded)) return bytes;
  const got = encoded === '' ? 'an empty text' : 'a text that is not';
  throw badRequest(
    `Expected base64 for ${name}, got ${got}; send the image's bytes in base64, or as multipart/form-data`,
  );
}

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;

/** How many bytes as much base64 stands for, if all of it is base64. */
function lengthOf(encoded: string): number {
  const letters = encoded.replace(/={1,2}$/, '').length;
  return letters % 4 === 1 ? -1 : Math.floor((letters * 3) / 4);
}
