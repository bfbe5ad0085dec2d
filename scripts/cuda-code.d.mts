export interface Kernel {
  /** `planesForward`, `rowsForward`, `planesBackward`, `rowsBackward`, `combineForward` or `combineBackward`. */
  name: string;
  dtype?: 'float32' | 'float16' | 'bfloat16';
  /** Elements of an access; 1 where tensors are not aligned. */
  vector?: number;
  /** Accesses that a thread holds. */
  slots?: number;
}
export interface Code extends Kernel {
  mangled: string;
  instructions: string[];
}
export interface Resources {
  registers: number;
  stack: number;
  shared: number;
  local: number;
}
export function findKernels(): string | undefined;
export function findDisassembler(): string | undefined;
export function architecturesOf(cuobjdump: string, library: string): { machine: string[]; ptx: string[] };
export function parseKernel(mangled: string): Kernel;
export function disassemble(cuobjdump: string, library: string, architecture: string): Code[];
export function countOf(code: Code, pattern: RegExp): number;
export function resourcesOf(cuobjdump: string, library: string, architecture: string): Map<string, Resources>;
export function codeSizes(cuobjdump: string, library: string): Record<string, number>;
