import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../lib/errors.ts';
import { fixtureBytes, readFake } from './fake-backend.ts';

/** Code and message of reading bytes. */
function refusal(bytes: Uint8Array, name = 'file.pth'): string {
  try {
    readFake(bytes, name);
  } catch (error) {
    if (error instanceof CheckpointError) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error('expected a CheckpointError, but the file was read');
}

function refusalOf(name: string): string {
  return refusal(fixtureBytes(name), name);
}

describe('files that are not read say what they are and what to do', () => {
  it('a numpy archive', () => {
    expect(refusalOf('refused-numpy.npz')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_UNSUPPORTED refused-numpy.npz: the file is a numpy archive (.npz); save it in Python with torch.save"`,
    );
  });

  it('a plain pickle', () => {
    expect(refusalOf('refused-pickle.pth')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_UNSUPPORTED refused-pickle.pth: the file is a Python pickle that torch.save did not write; write it with torch.save"`,
    );
  });

  it('a tar archive, as PyTorch 0.1 wrote', () => {
    expect(refusalOf('refused-tar.pth')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_UNSUPPORTED refused-tar.pth: the file is a tar archive, as PyTorch 0.1 wrote it; unpack it, or load and save it again with a PyTorch that reads it"`,
    );
  });

  it.each([
    ['a web page', '<!DOCTYPE html><html></html>', 'a web page; download the file itself again'],
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\n',
      'a Git LFS pointer; run "git lfs pull"',
    ],
    ['gzip', '\x1f\x8b\x08\x00', 'a gzip archive; unpack it first'],
    ['HDF5', '\x89HDF\r\n', 'an HDF5 file; convert it in Python and write it with torch.save'],
  ])('%s', (_, head, expected) => {
    const bytes = Buffer.from(head, 'latin1');
    expect(refusal(bytes)).toBe(`ERR_CHECKPOINT_UNSUPPORTED file.pth: the file is ${expected}`);
  });
});
