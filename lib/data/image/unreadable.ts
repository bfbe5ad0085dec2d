/** Why an image cannot be decoded, in words that fit after its name; `decodeImage` makes an ImageError of it. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
  readonly code: string;
  constructor(reason: string, code = 'ERR_IMAGE_DECODE', options?: ErrorOptions) {
    super(reason, options);
    this.code = code;
  }
}

/** The file is of a kind that is not read; `what` names the kind. */
export function unsupported(what: string): Unreadable {
  return new Unreadable(`${what} is not read`, 'ERR_IMAGE_UNSUPPORTED');
}

/** The file ends before its image does. */
export function truncated(): Unreadable {
  return new Unreadable('the file is truncated');
}
