import { truncated, unsupported } from './unreadable.ts';

interface Box {
  readonly type: string;
  /** Where its content begins and the box ends. */
  readonly start: number;
  readonly end: number;
}

/**
 * A copy of an AVIF file without the turns and mirrorings that it asks for, which Pillow (12.3) leaves to be applied by
 * hand as EXIF orientation is. A mirroring becomes a turn by nothing.
 *
 * @throws Unreadable for what the decoder here would show otherwise than Pillow: premultiplied alpha, crops, and gray of
 * limited range
 */
export function withoutTurns(bytes: Uint8Array): Buffer {
  const file = Buffer.from(bytes);
  const meta = boxes(file, 0, file.length).find((box) => box.type === 'meta');
  if (meta === undefined) return file;
  const inside = boxes(file, meta.start + 4, meta.end);
  const references = inside.filter((box) => box.type === 'iref');
  if (references.some((box) => boxes(file, box.start + 4, box.end).some(({ type }) => type === 'prem'))) {
    throw unsupported('an AVIF multiplied by alpha');
  }
  const properties = inside
    .filter((box) => box.type === 'iprp')
    .flatMap((box) => boxes(file, box.start, box.end))
    .filter((box) => box.type === 'ipco')
    .flatMap((box) => boxes(file, box.start, box.end));
  if (properties.some(({ type }) => type === 'clap')) throw unsupported('an AVIF with a crop');
  checkGray(file, properties);
  for (const { type, start } of properties) {
    if (type === 'imir') file.write('irot', start - 4, 'latin1');
    if (type === 'imir' || type === 'irot') file[start] = 0;
  }
  return file;
}

function checkGray(file: Buffer, properties: readonly Box[]): void {
  const codings = properties.filter(({ type }) => type === 'av1C');
  const isGray = codings.length > 0 && codings.every(({ start }) => (file[start + 2] as number) & 0x10);
  if (!isGray) return;
  const colour = properties.find(
    ({ type, start }) => type === 'colr' && file.toString('latin1', start, start + 4) === 'nclx',
  );
  const isFull = colour !== undefined && ((file[colour.start + 10] as number) & 0x80) !== 0;
  if (!isFull) throw unsupported('a gray AVIF of limited range');
}

function boxes(file: Buffer, from: number, to: number): Box[] {
  const found: Box[] = [];
  for (let at = from; at + 8 <= to; ) {
    const short = file.readUInt32BE(at);
    const long = short === 1;
    if (long && at + 16 > to) throw truncated();
    const size = long ? Number(file.readBigUInt64BE(at + 8)) : short === 0 ? to - at : short;
    const start = at + (long ? 16 : 8);
    if (at + size < start || at + size > to) {
      if (from === 0) break; // the media data of a truncated file, which the decoder will miss
      throw truncated();
    }
    found.push({ type: file.toString('latin1', at + 4, at + 8), start, end: at + size });
    at += size;
  }
  return found;
}
