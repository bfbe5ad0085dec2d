import { checkText } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { checkModule } from '../module/check-module.ts';
import type { Module } from '../module/module.ts';

/** @throws RangeError where the module has none of that name. */
export function tensorOf(module: Module, tensorName: string, name: string): Tensor {
  checkModule(name, 'module', module);
  checkText(name, 'the name of a parameter or buffer', tensorName);
  const members = [...module.ownParameters(), ...module.ownBuffers()];
  const found = members.find(([key]) => key === tensorName)?.[1];
  if (found !== undefined) return found;
  const has = members.map(([key]) => key).join(', ') || 'none';
  throw new RangeError(
    `Expected the name of a parameter or buffer of ${module.constructor.name} for ${name}, got "${tensorName}"; it has ${has}`,
  );
}
