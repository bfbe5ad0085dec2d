import { readFileSync } from 'node:fs';

/** Height of the small pictures in a page, in pixels of a screen with two for one. */
const HEIGHT = 192;

/** Small pictures as text for a page; each file is read once. */
export class Thumbnails {
  readonly #made = new Map<string, string>();

  /** A `data:` address. @throws the decoder's error for a file that is no image */
  async of(path: string): Promise<string> {
    const made = this.#made.get(path) ?? (await picture(path));
    this.#made.set(path, made);
    return made;
  }
}

async function picture(path: string): Promise<string> {
  const { default: sharp } = await import('sharp');
  const bytes = await sharp(readFileSync(path))
    .rotate()
    .resize({ height: HEIGHT })
    .jpeg({ quality: 72 })
    .toBuffer();
  return `data:image/jpeg;base64,${bytes.toString('base64')}`;
}
