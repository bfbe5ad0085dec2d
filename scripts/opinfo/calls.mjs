// One recorded call, made in every way that this package has for it.
import { Decoder } from './decode.mjs';
import { pythonKind } from './errors.mjs';
import { gradientDifference } from './gradients.mjs';
import { differenceText, expectedText, ResultText } from './text.mjs';

function camel(name) {
  const [, before, middle, after] = /^(_*)(.*?)(_*)$/.exec(name);
  return before + middle.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase()) + after;
}

const withOptions = (args, options) => (Object.keys(options).length === 0 ? args : [...args, options]);

function camelOptions(options) {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), value]));
}

const isTensor = (value) =>
  typeof value === 'object' && value !== null && ('dtype' in value || 'sparse' in value);

/** Ways to make the call: each takes arguments and options and returns the result. */
function waysOf(torch, call) {
  const [namespace, name] = call.op.split('::');
  const packet = torch.ops[namespace][name];
  const ways = {};
  if (call.overload !== null) {
    const overload = packet[call.overload || 'default'];
    ways.overload = (args, options) => overload(...withOptions(args, options));
  }
  ways.packet = (args, options) => packet(...withOptions(args, options));
  const method = camel(name);
  if (isTensor(call.args[0]) && !torch.isOwnMember(method))
    ways.method = ([self, ...args], options) => self[method](...withOptions(args, camelOptions(options)));
  return ways;
}

function outcome(torch, call, writes, unwritten, run) {
  const decoder = new Decoder(torch, call.storages);
  const [args, kwargs] = [decoder.value(call.args), decoder.options(call.kwargs)];
  const text = new ResultText(torch, decoder.storages, unwritten);
  torch.manualSeed(0);
  try {
    const result = text.of(run(args, kwargs));
    return {
      text: !writes ? result : `${result} after ${text.of([args, Object.values(kwargs)])}`,
    };
  } catch (error) {
    return { text: pythonKind(error), message: String(error.message).split('\n')[0] };
  }
}

function expectation({ result, after, error }, unwritten) {
  if (error !== undefined) return error;
  const text = expectedText(result, unwritten);
  return after === undefined ? text : `${text} after ${expectedText(after, unwritten)}`;
}

/** What Python gives for this way: recorded where it is not what the overload gives. */
const recordedFor = (call, way) =>
  way === 'overload'
    ? call
    : ((way === 'method' ? call.ways?.method : undefined) ?? call.ways?.packet ?? call);

function compare(torch, call, way, run) {
  const wanted = recordedFor(call, way);
  const unwritten = call.varies ?? false;
  const expected = expectation(wanted, unwritten);
  const integers = call.ways?.integers;
  // A refusal says nothing of what would have been written.
  const writes = (wanted.after ?? integers?.after) !== undefined;
  const { text, message } = outcome(torch, call, writes, unwritten, run);
  if (text === expected) return undefined;
  const isWhole = integers !== undefined && expectation(integers, unwritten) === text;
  const kind = isWhole ? 'whole float' : undefined;
  return { way, kind, text: differenceText(expected, text, wanted.message, message) };
}

const VARIES = { way: 'python', kind: 'varies', text: 'two runs of Python differ' };

/** What differs from Python, for each way of calling that does. `count` is told each comparison. */
export function replayCall(torch, call, count) {
  return torch.scope(() => {
    const differences = [];
    const ways = waysOf(torch, call);
    if (call.varies) differences.push(VARIES);
    for (const [way, run] of Object.entries(ways)) {
      count(way);
      const difference = compare(torch, call, way, run);
      if (difference !== undefined) differences.push(difference);
    }
    if (call.grads) {
      count('gradient');
      const text = gradientDifference(torch, call, ways.overload);
      if (text !== undefined) differences.push({ way: 'gradient', text });
      if (call.grads.varies) differences.push(VARIES);
    }
    return differences;
  });
}
