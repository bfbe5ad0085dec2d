import { Embedding } from '../layers/embedding.ts';
import type { Module } from '../module/module.ts';
import type { Parameter } from '../module/parameter.ts';

/** A parameter whose gradients are reduced. */
export interface Reduced {
  readonly name: string;
  readonly parameter: Parameter;
  readonly isSparse: boolean;
}

/** Those that require gradients, each once, in torch's order. */
export function reducedParameters(module: Module): Reduced[] {
  const seen = new Set<Parameter>();
  return module.namedModules().flatMap(([path, part]) =>
    part.ownParameters().flatMap(([name, parameter]) => {
      if (!parameter.requiresGrad || seen.has(parameter)) return [];
      seen.add(parameter);
      return [{ name: `${path}.${name}`, parameter, isSparse: isSparse(part) }];
    }),
  );
}

function isSparse(part: Module): boolean {
  return part instanceof Embedding && part.sparse === true;
}
