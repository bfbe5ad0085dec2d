import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Libtorch, libtorchCache, locateLibtorch } from '../../lib/libtorch/find/locate.ts';
import { bindingName, minorOf, prebuiltFolder } from '../../lib/libtorch/find/native-module.ts';
import { SHIM } from '../../lib/libtorch/find/platform.ts';
import { root } from '../helpers/files.ts';

/** A CUDA build of libtorch, and the folder of the native module and the CUDA libraries for it. */
export interface CudaBuild {
  libtorch: Libtorch;
  folder: string;
}

function libtorchs(): Libtorch[] {
  const cache = libtorchCache();
  const names = existsSync(cache) ? readdirSync(cache).filter((name) => /^\d/.test(name)) : [];
  const environments = [{}, ...names.map((name) => ({ LIBTORCH: join(cache, name) }))];
  return environments.flatMap((env) => {
    try {
      return [locateLibtorch({ env: { ...process.env, ...env } })];
    } catch {
      return [];
    }
  });
}

/** What `ibn-net build --cuda` makes for a CUDA build of libtorch: the one in use, else one in the cache. */
export function findCudaBuild(): CudaBuild | undefined {
  for (const libtorch of libtorchs()) {
    if (libtorch.flavour === 'cpu') continue;
    const minor = minorOf(libtorch.version);
    const libraries = [bindingName(libtorch.version), 'libibn_cuda.so', `libibn_cudagraph-${minor}.so`];
    const folders = [
      process.env.IBN_NET_BINDING_DIR,
      join(root, 'build/Release'),
      join(root, `build-${minor}/Release`),
      prebuiltFolder(),
    ].filter((folder) => folder !== undefined);
    const folder = folders.find((path) => [SHIM, ...libraries].every((name) => existsSync(join(path, name))));
    if (folder !== undefined) return { libtorch, folder };
  }
  return undefined;
}
