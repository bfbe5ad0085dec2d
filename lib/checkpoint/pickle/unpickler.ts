import type { ByteCursor } from '../byte-cursor.ts';
import { Mismatch } from './checks.ts';
import { HANDLERS } from './handlers.ts';
import { type Environment, Machine } from './machine.ts';
import { OPCODES, opcodeName } from './opcodes.ts';

/**
 * Reads one pickle from the cursor and returns the description of what it holds (see values.ts). Nothing is
 * executed: globals outside the allow-list stop the load, and the allowed ones are functions of ours.
 */
export function unpickle(cursor: ByteCursor, environment: Environment): unknown {
  const machine = new Machine(cursor, environment);
  for (;;) {
    const opcode = cursor.u8();
    if (opcode === OPCODES.STOP) return machine.result();
    const handler = HANDLERS[opcode];
    if (!handler) throw machine.fail(`opcode ${opcodeName(opcode)} has no place in a checkpoint`);
    machine.step();
    run(handler, machine);
  }
}

function run(handler: (machine: Machine) => void, machine: Machine): void {
  try {
    handler(machine);
  } catch (error) {
    throw error instanceof Mismatch ? machine.fail(error.message) : error;
  }
}
