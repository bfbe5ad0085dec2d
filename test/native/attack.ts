import { expect } from 'vitest';
import { type ChildOptions, runChild } from '../helpers/index.ts';

/** What every attacking child begins with: the binding itself, without the checks of the layers above. */
export const PRELUDE = `
  const { binding } = (await import(dist + '/binding.js')).loadBinding();
  const make = (...values) => binding.fromCopy(new Float32Array(values), 'float32', [values.length]);
  const read = (handle) => [...new Float32Array(binding.readBytes(handle))];
  const op = (name, overload = '') => binding.getOp('aten::' + name, overload);
  const attempt = (run) => {
    try { return run(); } catch (error) { return error.name + ': ' + error.message; }
  };
  const say = (...values) => console.log(...values.map((value) => JSON.stringify(value)));
  /** An array whose item at \`index\` runs \`run\` when it is read, and gives what that gives. */
  const trap = (items, index, run) => Object.defineProperty([...items], index, { get: run });
  /** A number for an op that runs \`run\` when it is read. */
  const trapped = (value, run) => ({ get re() { run(); return value; }, im: 0 });
  /** A call that leaves operands of its own behind, if anything is left. */
  const busy = () => read(op('add', 'Tensor')(make(70, 80, 90), make(7, 8, 9)));
`;

/** Runs `source` in a process of its own. Expects it to say `lines` and end well. */
export async function expectSaid(source: string, lines: string[], options: ChildOptions = {}): Promise<void> {
  const { code, signal, stdout, stderr } = await runChild(PRELUDE + source, options);
  expect({ code, signal, stderr, lines: stdout.trimEnd().split('\n') }).toEqual({
    code: 0,
    signal: null,
    stderr: '',
    lines,
  });
}
