export interface Kernel {
  /** `planesForward`, `rowsForward`, `planesBackward`, `rowsBackward`, `combineForward` or `combineBackward`. */
  name: string;
  dtype?: 'float32' | 'float16' | 'bfloat16';
  /** Elements of an access; 1 where tensors are not aligned. */
  vector?: number;
  /** Accesses that a thread holds. */
  slots?: number;
}
/** Instructions: accesses of global memory, of 128 bits and others, and of what was spilled. */
export interface Counts {
  ldg128: number;
  stg128: number;
  ldl: number;
  stl: number;
}
export interface Code extends Kernel, Counts {
  mangled: string;
  registers: number;
  instructions: number;
  ldgOther: number;
  stgOther: number;
}
export function findKernels(): string | undefined;
export function findCubins(): Record<string, string> | undefined;
export function findDisassembler(): string | undefined;
export function parseKernel(mangled: string): Kernel;
export function readCubin(path: string): Code[];
export function disassemble(cuobjdump: string, cubin: string): Map<string, Counts>;
