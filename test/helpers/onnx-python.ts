import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Tensor } from '../../lib/tensor/index.ts';
import { root } from './files.ts';

const python = process.env.PYTHON ?? 'python3';
const program =
  "import importlib.util as u, sys; sys.exit(not (u.find_spec('onnx') and u.find_spec('onnxruntime')))";

/** Why nothing can be checked by ONNX Runtime; undefined where it can. */
export const noOnnxRuntime =
  spawnSync(python, ['-c', program]).status === 0 ? undefined : `no onnx and onnxruntime in ${python}`;

export interface OnnxRun {
  inputs: { file: string; shape: number[]; dtype: string }[];
  outputs: { file: string; shape: number[]; dtype: string }[];
}

/** A tensor as scripts/onnx/check.py reads it. */
export function written(folder: string, name: string, tensor: Tensor): OnnxRun['inputs'][number] {
  const file = join(folder, `${name}.bin`);
  const { buffer, byteOffset, byteLength } = tensor.contiguous().data();
  writeFileSync(file, new Uint8Array(buffer, byteOffset, byteLength));
  return { file, shape: [...tensor.shape], dtype: tensor.dtype };
}

/** What scripts/onnx/check.py answers to each task: the largest relative difference, or an error. */
export async function checkByRuntime(
  tasks: readonly { model: string; runs: OnnxRun[] }[],
): Promise<{ worst?: number; error?: string }[]> {
  const child = spawn(python, [join(root, 'scripts/onnx/check.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(tasks.map((task) => `${JSON.stringify(task)}\n`).join(''));
  const answers = [];
  for await (const line of createInterface({ input: child.stdout })) answers.push(JSON.parse(line));
  return answers;
}
