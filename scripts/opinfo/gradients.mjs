// First and second derivatives of a recorded call, as observe.py takes them.
import { Decoder } from './decode.mjs';
import { pythonKind } from './errors.mjs';
import { differenceText, expectedText, ResultText } from './text.mjs';

/** Whatever, but not all alike. */
function cotangent(torch, tensor) {
  const { aten } = torch.ops;
  const count = aten.arange(tensor.numel(), { dtype: 'float64' });
  const values = count.mul(7).remainder(11).sub(5).div(4);
  const both = tensor.dtype.startsWith('complex') ? aten.complex(values, values.mul(-0.5)) : values;
  return both.to(tensor.dtype).reshape(tensor.shape);
}

/** Arguments whose floating tensors are leaves; written ones are made of leaves. */
class Leaves extends Decoder {
  leaves = [];
  #mutable;

  constructor(torch, storages, mutable) {
    super(torch, storages);
    this.#mutable = mutable;
  }

  tensor(item) {
    const made = super.tensor(item);
    if (!('storage' in item) || !/^(b?float|complex)/.test(item.dtype)) return made;
    this.leaves.push(made.requiresGrad_());
    return this.#mutable ? made.clone() : made;
  }
}

const isOutput = (torch) => (x) => x instanceof torch.Tensor && x.requiresGrad && x.layout === 'strided';

function derivatives(torch, results, leaves, options) {
  const gradOutputs = results.map((x) => cotangent(torch, x));
  return torch.grad(results, leaves, { ...options, gradOutputs, allowUnused: true });
}

function secondText(torch, first, leaves, text) {
  const again = first.filter(isOutput(torch));
  if (again.length === 0) return '';
  try {
    return ` second ${text.of(derivatives(torch, again, leaves, {}))}`;
  } catch (error) {
    return ` second ${pythonKind(error)}`;
  }
}

function gradientText(torch, call, run) {
  const decoder = new Leaves(torch, call.storages, call.after !== undefined);
  const [args, kwargs] = [decoder.value(call.args), decoder.options(call.kwargs)];
  torch.manualSeed(0);
  const results = [run(args, kwargs)].flat(3).filter(isOutput(torch));
  const text = new ResultText(torch, [], call.grads.varies);
  const first = derivatives(torch, results, decoder.leaves, { createGraph: true });
  return text.of(first) + secondText(torch, first, decoder.leaves, text);
}

function expectedGradients({ first, second, varies }) {
  if (second === undefined) return expectedText(first, varies);
  return `${expectedText(first, varies)} second ${second.error ?? expectedText(second.grads, varies)}`;
}

/** How the gradients differ from Python's; undefined when they do not. */
export function gradientDifference(torch, call, run) {
  const refused = call.grads.error;
  let got;
  try {
    got = gradientText(torch, call, run);
  } catch (error) {
    const kind = pythonKind(error);
    if (kind === refused) return undefined;
    return `expected ${refused ?? 'gradients'}, got ${kind}: ${error.message.split('\n')[0]}`;
  }
  const expected = refused ?? expectedGradients(call.grads);
  return got === expected ? undefined : differenceText(expected, got);
}
