import type { Machine } from '../machine.ts';
import { CONTAINER_HANDLERS } from './containers.ts';
import { OBJECT_HANDLERS } from './objects.ts';
import { SCALAR_HANDLERS } from './scalars.ts';

/** What one opcode does to the machine. */
export type Handler = (machine: Machine) => void;

/** Handlers by opcode; an opcode without one is refused. */
export const HANDLERS: readonly (Handler | undefined)[] = tabulate([
  ...SCALAR_HANDLERS,
  ...CONTAINER_HANDLERS,
  ...OBJECT_HANDLERS,
]);

function tabulate(handlers: readonly (readonly [number, Handler])[]): (Handler | undefined)[] {
  const table = new Array<Handler | undefined>(256).fill(undefined);
  for (const [opcode, handler] of handlers) table[opcode] = handler;
  return table;
}
