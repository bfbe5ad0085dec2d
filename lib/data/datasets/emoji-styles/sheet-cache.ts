import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { writeAtomically } from '../../../atomic-file.ts';
import { messageOf } from '../../../errors.ts';
import type { Sheet } from './draw.ts';

/** All that decides which pixels a sheet has. Another value is another file. */
export interface SheetKey {
  readonly style: string;
  readonly size: number;
  /** Versions of what draws, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Changes with what this file writes, or how icons are matched and drawn. */
const FORMAT = 1;

/** A sheet's file: gzip, which has a checksum, of the length of a JSON header, the header, and the pixels. */
export function sheetPath(folder: string, key: SheetKey): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([FORMAT, key]))
    .digest('hex')
    .slice(0, 12);
  return join(folder, `${key.style}-${key.size}px-${digest}.gz`);
}

/** Undefined where there is none, or it is damaged: it is drawn again then. */
export function readSheet(path: string, { size }: SheetKey): Sheet | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const bytes = gunzipSync(readFileSync(path));
    const start = 4 + bytes.readUInt32LE(0);
    const { codes, digests } = JSON.parse(bytes.toString('utf8', 4, start)) as Omit<Sheet, 'pixels'>;
    if (bytes.length - start !== codes.length * 4 * size * size) throw new Error('it has another length');
    return { codes, digests, pixels: new Uint8Array(bytes.subarray(start)) };
  } catch {
    process.emitWarning(`${path} is damaged; it is drawn again`, { code: 'IBN_DATASET_CACHE' });
    return undefined;
  }
}

/** Whole or not at all. What cannot be written is drawn again the next time, with a warning. */
export function writeSheet(path: string, folder: string, sheet: Sheet): void {
  const packed = pack(sheet);
  try {
    mkdirSync(folder, { recursive: true });
    writeAtomically(path, (sink) => sink(packed));
  } catch (error) {
    const advice = 'its drawings are made again the next time; pass another folder as cache, or null';
    process.emitWarning(`${path} could not be written (${messageOf(error)}); ${advice}`, {
      code: 'IBN_DATASET_CACHE',
    });
  }
}

function pack({ codes, digests, pixels }: Sheet): Uint8Array {
  const header = Buffer.from(JSON.stringify({ codes, digests }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  return gzipSync(Buffer.concat([length, header, pixels]), { level: 1 });
}
