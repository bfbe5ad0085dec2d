// One recorded call, made in every way that this package has for it.
import { decode, decodeOptions, expectedText, resultText } from './decode.mjs';

function camel(name) {
  const [, before, middle, after] = /^(_*)(.*?)(_*)$/.exec(name);
  return before + middle.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase()) + after;
}

const withOptions = (args, options) => (Object.keys(options).length === 0 ? args : [...args, options]);

function camelOptions(options) {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), value]));
}

/** Ways to make the call: each takes arguments and options and returns the result. */
function waysOf(torch, call) {
  const [namespace, name] = call.op.split('::');
  const packet = torch.ops[namespace][name];
  const ways = { packet: (args, options) => packet(...withOptions(args, options)) };
  if (call.overload !== null) {
    const overload = packet[call.overload || 'default'];
    ways.overload = (args, options) => overload(...withOptions(args, options));
  }
  const method = camel(name);
  const isMethod = namespace === 'aten' && call.args[0]?.tensor !== undefined && !torch.isOwnMember(method);
  if (isMethod) {
    ways.method = ([self, ...args], options) => self[method](...withOptions(args, camelOptions(options)));
  }
  return ways;
}

function outcome(torch, call, way) {
  const args = call.args.map((value) => decode(torch, value));
  torch.manualSeed(0);
  try {
    const result = way(args, decodeOptions(torch, call.kwargs));
    const text = resultText(torch, result);
    return call.after === undefined ? text : `${text} after ${resultText(torch, args)}`;
  } catch (error) {
    return `${error.name}: ${error.message.split('\n')[0]}`;
  }
}

function expectation({ result, after, error }) {
  if (error !== undefined) return undefined;
  return after === undefined ? expectedText(result) : `${expectedText(result)} after ${expectedText(after)}`;
}

const isError = (text) => /^\w*Error: /.test(text);

function gradients(torch, call, way) {
  const args = call.args.map((value) => decode(torch, value));
  const leaves = args.filter((arg) => arg instanceof torch.Tensor && /^(b?float|complex)/.test(arg.dtype));
  for (const leaf of leaves) leaf.requiresGrad_();
  torch.manualSeed(0);
  const results = [way(args, decodeOptions(torch, call.kwargs))].flat();
  const first = results.find((result) => result instanceof torch.Tensor && result.requiresGrad);
  first.backward(torch.onesLike(first));
  return resultText(
    torch,
    leaves.map((leaf) => leaf.grad),
  );
}

function gradientDifference(torch, call, way) {
  if (!call.grads) return undefined;
  try {
    const got = gradients(torch, call, way);
    const expected = expectedText(call.grads);
    return got === expected ? undefined : `expected ${expected}, got ${got}`;
  } catch (error) {
    return `expected gradients, got ${error.name}: ${error.message.split('\n')[0]}`;
  }
}

/** What differs from Python: `[way, text]` for each way of calling that does. `count` is told each comparison. */
export function replayCall(torch, call, count) {
  return torch.scope(() => {
    const differences = [];
    const expected = expectation(call);
    const ways = waysOf(torch, call);
    for (const [name, way] of Object.entries(ways)) {
      count(name);
      const got = outcome(torch, call, way);
      const same = expected === undefined ? isError(got) : got === expected;
      if (!same) differences.push([name, `expected ${expected ?? call.error}, got ${got}`]);
    }
    if (call.grads) {
      count('gradient');
      const text = gradientDifference(torch, call, ways.overload);
      if (text !== undefined) differences.push(['gradient', text]);
    }
    return differences;
  });
}
