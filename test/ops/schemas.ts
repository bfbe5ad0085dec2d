import { loadBinding, type OpSchema } from '../../lib/binding.ts';
import { listOps } from '../../lib/tensor/index.ts';

/** `aten::add.Tensor` as its name and overload. */
export function splitName(qualified: string): [string, string] {
  const dot = qualified.indexOf('.', qualified.indexOf('::'));
  return dot < 0 ? [qualified, ''] : [qualified.slice(0, dot), qualified.slice(dot + 1)];
}

/** Every schema of the loaded libtorch's dispatcher, by qualified name. */
export function allSchemas(): Map<string, OpSchema> {
  const { binding } = loadBinding();
  const schemas = new Map<string, OpSchema>();
  for (const qualified of listOps()) {
    const schema = binding.getSchema(...splitName(qualified));
    if (schema !== undefined) schemas.set(qualified, schema);
  }
  return schemas;
}

/** The type without Optional and List. */
export const innermost = (type: string): string => type.replace(/[?[\]]/g, '');
