import type { SpawnSyncOptions } from 'node:child_process';

export function pack(folder: string, options?: { only?: string; reuse?: boolean }): string;
export function barePath(folder: string): string;
export function consumerEnvironment(path: string, more?: Record<string, string>): Record<string, string>;
export function cacheWith(
  libtorch: { root: string; version: string; flavour: string },
  folder: string,
): string;
export function install(
  tarball: string,
  folder: string,
  env: Record<string, string>,
  flags?: string[],
): string;
export function readmeProgram(folder: string): { file: string; output: string };
export function npm(args: string[], options: SpawnSyncOptions): string;
export function run(command: string, args: string[], options?: SpawnSyncOptions): string;
