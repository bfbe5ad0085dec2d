import type { ByteSource } from './byte-source.ts';
import { corrupt, unsupported } from './errors.ts';

/** The formats that are read. */
export type Format = 'zip' | 'legacy' | 'safetensors';

const HEAD = 512;
const PROTO = 0x80;

/** Finds out what a file is by its first bytes; its name plays no part. */
export function detectFormat(source: ByteSource): Format {
  const bytes = source.read(0, Math.min(HEAD, source.size));
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (head.length === 0) throw corrupt(source.origin, 'the file is empty');
  // First, as a length may look like the beginning of any other format.
  if (isSafetensors(head)) return 'safetensors';
  if (startsWith(head, 'PK\x03\x04') || startsWith(head, 'PK\x05\x06')) return 'zip';
  refuseForeign(source, head);
  if (head[0] === PROTO || startsWith(head, 'L119547037146038801333356L')) return 'legacy';
  throw corrupt(source.origin, 'not a PyTorch checkpoint');
}

const REPEAT_DOWNLOAD = 'download the file itself again';

const FOREIGN: readonly (readonly [test: (head: Buffer) => boolean, what: string, instead: string])[] = [
  [
    (head) => head.toString('latin1', 257, 262) === 'ustar',
    'a tar archive, as PyTorch 0.1 wrote it',
    'unpack it, or load and save it again with a PyTorch that reads it',
  ],
  [(head) => startsWith(head, '\x1f\x8b'), 'a gzip archive', 'unpack it first'],
  [
    (head) => startsWith(head, '\x89HDF'),
    'an HDF5 file',
    'convert it in Python and write it with torch.save',
  ],
  [(head) => startsWith(head, 'version https://git-lfs'), 'a Git LFS pointer', 'run "git lfs pull"'],
  [
    (head) => /^(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|\?xml|!--)/i.test(head.toString('latin1')),
    'a web page',
    REPEAT_DOWNLOAD,
  ],
];

function refuseForeign(source: ByteSource, head: Buffer): void {
  const found = FOREIGN.find(([test]) => test(head));
  if (found) throw unsupported(source.origin, `the file is ${found[1]}`, found[2]);
}

/** Eight bytes of length, then JSON: an object with a text for a key, or an empty one. */
function isSafetensors(head: Buffer): boolean {
  return /^\s*\{\s*(["}]|$)/.test(head.toString('latin1', 8, 64));
}

function startsWith(head: Buffer, prefix: string): boolean {
  return head.toString('latin1', 0, prefix.length) === prefix;
}
