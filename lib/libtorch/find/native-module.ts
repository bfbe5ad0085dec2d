import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder, type Environment } from '../../cache.ts';
import { compareVersions } from '../wheels/specifier.ts';
import type { Libtorch } from './locate.ts';
import { hasManifest, packageRoot, packageVersion } from './package-root.ts';
import { libraryName, librarySuffix, SHIM } from './platform.ts';

/** Where a folder's native module comes from: compiled in a clone, by `npx ibn-net build`, or part of the package. */
export type NativeSource = 'IBN_NET_BINDING_DIR' | 'clone' | 'build' | 'prebuilt';

/** A folder that may hold the native module. */
export interface NativeFolder {
  source: NativeSource;
  path: string;
}

/** The native module that fits a libtorch. */
export interface NativeModule {
  source: NativeSource;
  shim: string;
  binding: string;
}

/** What the search depends on; the running process and its package by default. */
export interface NativeOptions {
  env?: Environment;
  root?: string;
  platform?: string;
  arch?: string;
}

/** `2.13` of `2.13.0`. */
export function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/** The file name of the binding for a libtorch: `binding-2.13.so`. */
export function bindingName(version: string, platform: string = process.platform): string {
  return `binding-${minorOf(version)}${librarySuffix(platform)}`;
}

/** The folder that `npx ibn-net build` fills: one for each version of the package, since their sources differ. */
export function builtFolder(options: NativeOptions = {}): string {
  const { env = process.env, root = packageRoot } = options;
  const { platform = process.platform, arch = process.arch } = options;
  return join(cacheFolder(env, platform), 'native', `${packageVersion(root)}-${platform}-${arch}`);
}

/** The folder of the package's own prebuilt files. */
export function prebuiltFolder(options: NativeOptions = {}): string {
  const { root = packageRoot, platform = process.platform, arch = process.arch } = options;
  return join(root, 'prebuilds', `${platform}-${arch}`);
}

/**
 * Folders that may hold the native module, in the order they are tried: what was compiled here comes before what
 * came with the package. `IBN_NET_BINDING_DIR` replaces them all.
 */
export function nativeFolders(options: NativeOptions = {}): NativeFolder[] {
  const { env = process.env, root = packageRoot } = options;
  const override = env.IBN_NET_BINDING_DIR;
  if (override) return [{ source: 'IBN_NET_BINDING_DIR', path: override }];
  return [
    { source: 'clone', path: join(root, 'build', 'Release') },
    ...(hasManifest(root) ? [{ source: 'build' as const, path: builtFolder(options) }] : []),
    { source: 'prebuilt', path: prebuiltFolder(options) },
  ];
}

/** The first folder's native module that fits, or what is missing in each. */
export function findNativeModule(
  libtorch: Pick<Libtorch, 'version'>,
  folders: readonly NativeFolder[],
  platform: string = process.platform,
): NativeModule | { missing: string[] } {
  const missing: string[] = [];
  for (const { source, path } of folders) {
    const shim = join(path, SHIM);
    const binding = join(path, bindingName(libtorch.version, platform));
    const absent = [shim, binding].find((file) => !existsSync(file));
    if (absent === undefined) return { source, shim, binding };
    missing.push(`${absent}: no such file`);
  }
  return { missing };
}

/** The libtorch minors that a folder has bindings for: `['2.13', '2.14']`. */
export function minorsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const minors = readdirSync(folder).map((name) => /^binding-(\d+\.\d+)\.(?:so|dylib|dll)$/.exec(name)?.[1]);
  return minors.filter((minor) => minor !== undefined).sort(compareVersions);
}

/**
 * A further library of the native module, such as the CUDA kernels: beside the binding in use, else in another of
 * the folders (a binding compiled without nvcc uses the prebuilt kernels).
 */
export function findCompanion(
  name: string,
  binding: string,
  folders: readonly NativeFolder[],
): string | undefined {
  const paths = [dirname(binding), ...folders.map(({ path }) => path)].map((folder) => join(folder, name));
  return paths.find((path) => existsSync(path));
}

/** libtorch's libraries in the order the shim opens them: the CUDA one registers the device's kernels. */
export function librariesOf(
  libtorch: Pick<Libtorch, 'libDir'>,
  platform: string = process.platform,
): string[] {
  const cuda = join(libtorch.libDir, libraryName('torch_cuda', platform));
  const cpu = join(libtorch.libDir, libraryName('torch_cpu', platform));
  return existsSync(cuda) ? [cpu, cuda] : [cpu];
}
