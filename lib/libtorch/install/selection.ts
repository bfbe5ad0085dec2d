/** Libraries that only Python or libtorch's own tests load. */
const UNUSED = /^(lib)?(torch_python|shm|shm_windows|aoti_custom_ops|backend_with_compiler|\w+_test)\./;
const LIBRARY = /(\.so(\.\d+)*|\.dylib|\.dll|\.lib)$/;

/**
 * Whether a file of a wheel or zip is installed: libraries, headers, the CMake configuration and the files
 * that tell the version. Names are relative to where the archive is unpacked, with `/`.
 */
export function isNeeded(name: string): boolean {
  const [top = '', ...rest] = name.split('/');
  const path = rest.join('/');
  if (top === 'torch' || top === 'libtorch') return isNeededOfTorch(path);
  if (top === 'nvidia') return /\/include\//.test(path) || (/\/lib\//.test(path) && LIBRARY.test(path));
  return top.endsWith('.dist-info') && path === 'METADATA';
}

function isNeededOfTorch(path: string): boolean {
  if (/^(version\.py|build-version|build-hash)$/.test(path)) return true;
  if (/^(include|share\/cmake)\//.test(path)) return true;
  const library = /^lib\/([^/]+)$/.exec(path)?.[1];
  return library !== undefined && LIBRARY.test(library) && !UNUSED.test(library);
}
