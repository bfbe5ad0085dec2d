import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../lib/errors.ts';
import { fixtureBytes, readFake } from './fake-backend.ts';
import { global, zipCheckpoint } from './forge.ts';

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

describe('item 7: files that are not read say what they are and what to do', () => {
  it('a whole module in the zip format', () => {
    expect(refusalOf('refused-module.zip.pth')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_UNSUPPORTED refused-module.zip.pth: holds a Python object of torch.nn.modules.container.Sequential; save the state dict in Python instead: torch.save(model.state_dict(), path)"`,
    );
  });

  it('a whole module in the legacy format', () => {
    expect(refusalOf('refused-module.legacy.pth')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_BLOCKED_GLOBAL refused-module.legacy.pth: blocked global "__main__.Net"; only tensor data is read from checkpoints. For a whole module, save the state dict in Python instead: torch.save(model.state_dict(), path)"`,
    );
  });

  it('a TorchScript archive', () => {
    expect(refusalOf('refused-torchscript.pth')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_UNSUPPORTED refused-torchscript.pth: the file is a TorchScript archive; save the state dict in Python: torch.save(torch.jit.load(path).state_dict(), path)"`,
    );
  });

  it('a quantized tensor', () => {
    expect(refusalOf('refused-quantized.pth')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_UNSUPPORTED refused-quantized.pth: holds a Python object of torch._utils._rebuild_qtensor at "q"; save tensor.dequantize() in Python instead"`,
    );
  });

  it.each(['float4_e2m1fn_x2', 'bits8', 'uint4'])('a tensor of %s', (dtype) => {
    expect(refusal(zipCheckpoint(global('torch', dtype)))).toBe(
      `ERR_CHECKPOINT_UNSUPPORTED file.pth: holds a Python object of torch.${dtype}; save tensor.view(torch.uint8) in Python instead`,
    );
  });

  it('a sparse tensor', () => {
    expect(refusalOf('refused-sparse.pth')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_UNSUPPORTED refused-sparse.pth: holds a Python object of torch._utils._rebuild_sparse_tensor at "s"; save tensor.to_dense() in Python instead"`,
    );
  });

  it('a meta tensor', () => {
    expect(refusalOf('refused-meta.pth')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_UNSUPPORTED refused-meta.pth: holds a Python object of torch._utils._rebuild_meta_tensor_no_storage at "m"; a meta tensor holds no numbers; leave it out"`,
    );
  });

  it('a numpy array', () => {
    expect(refusalOf('refused-numpy.pth')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_UNSUPPORTED refused-numpy.pth: holds a Python object of numpy._core.multiarray._reconstruct at "mean"; save torch.from_numpy(array) in Python instead"`,
    );
  });

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

  it('a compressed zip archive', () => {
    expect(refusalOf('refused-deflated.pth')).toMatchInlineSnapshot(
      `"ERR_CHECKPOINT_UNSUPPORTED refused-deflated.pth: compressed zip entry "parameters.zip/data.pkl"; write the file with torch.save, or zip it with "zip -0""`,
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
