import type { ByteCursor } from '../byte-cursor.ts';
import { Mismatch } from './checks.ts';
import { HANDLERS } from './handlers/table.ts';
import { pathTo } from './key-path.ts';
import { type Environment, Machine } from './machine.ts';
import { OPCODES, opcodeName } from './opcodes.ts';

/**
 * Reads one pickle from the cursor and returns the description of what it holds (see values.ts). Nothing is
 * executed: known globals stand for functions of ours, all others for descriptions or errors.
 */
export function unpickle(cursor: ByteCursor, environment: Environment): unknown {
  const machine = new Machine(cursor, environment);
  const root = runAll(machine);
  if (machine.fault) throw machine.fault.raise(pathTo(root, machine.fault));
  return root;
}

function runAll(machine: Machine): unknown {
  try {
    while (step(machine)) {}
    return machine.result();
  } catch (error) {
    const reason = error instanceof Mismatch ? machine.fail(error.message) : error;
    // What was refused before may be why the rest went wrong.
    throw machine.fault?.raise(undefined) ?? reason;
  }
}

/** Does what the next opcode says; false at the end. */
function step(machine: Machine): boolean {
  const opcode = machine.cursor.u8();
  if (opcode === OPCODES.STOP) return false;
  const handler = HANDLERS[opcode];
  if (!handler) throw machine.fail(`opcode ${opcodeName(opcode)} has no place in a checkpoint`);
  machine.step();
  handler(machine);
  return true;
}
