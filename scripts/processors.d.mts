/** The numeric libraries that a processor's variables are for. */
export type Library = 'aten' | 'onednn' | 'mkl' | 'kernels';
export interface Processor {
  needs: string[];
  env: Record<string, string>;
  says: Record<Library, RegExp>;
}
export const PROCESSORS: Record<'baseline' | 'avx2' | 'avx512', Processor>;
export function flagsOf(cpuinfo?: string): Set<string>;
export function lacks(name: keyof typeof PROCESSORS, flags?: Set<string>): string[];
export function heard(log: string): Record<Library, string>;
export function deaf(name: keyof typeof PROCESSORS, said: Record<Library, string>): Library[];
export function listen(name: keyof typeof PROCESSORS, dist: string): Record<Library, string>;
