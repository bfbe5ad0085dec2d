import { describe, expect, it, vi } from 'vitest';
import { nn, setNumThreads } from '../../lib/index.ts';
import { type GoodCall, Judge } from './judge.ts';
import { type ModuleCall, moduleCalls } from './module-calls.ts';

/** Classes that are not made by who uses the package, with the reason. */
const OTHERS: Record<string, string> = {
  StateDict: 'a Map, which the package makes',
  StateDictError: 'an error, which the package makes',
};

setNumThreads(1); // tensors of a few elements: threads would only wait for each other
vi.spyOn(process, 'emitWarning').mockReturnValue();
const judge = new Judge('modules');
const calls = moduleCalls();

const make = ({ name, training }: ModuleCall, given: unknown[]): nn.Module => {
  const made = Reflect.construct(nn[name as 'ReLU'], given) as unknown;
  return made instanceof nn.Module ? made.train(training) : (made as nn.Module);
};

/** The class with its forward, and the forward alone. */
function goodCalls(entry: ModuleCall): GoodCall[] {
  const { name, given, inputs, training } = entry;
  const call = (...args: unknown[]) =>
    inputs.length > 0 ? make(entry, args).forward(...inputs) : make(entry, args);
  const construct = { name: `nn.${name}`, args: given, call, other: inputs, training };
  if (inputs.length === 0) return [construct];
  const module = make(entry, given);
  const forward = (...args: unknown[]) => module.forward(...args);
  return [construct, { name: `nn.${name}.forward`, args: inputs, call: forward, other: given, training }];
}

describe('modules refuse bad input in words', () => {
  it('all of them', () => {
    const known = new Set([...Object.keys(OTHERS), ...calls.map(({ name }) => name)]);
    const classes = Object.keys(nn).filter((name) => typeof nn[name as 'ReLU'] === 'function');
    expect(classes.filter((name) => !known.has(name))).toEqual([]);
  });

  it.each(calls.map((entry, i) => [`${entry.name}, case ${i}`, entry] as const))('%s', async (_, entry) => {
    const found = await Promise.all(goodCalls(entry).map((good) => judge.complaints(good)));
    expect(found.flat()).toEqual([]);
  });
});
