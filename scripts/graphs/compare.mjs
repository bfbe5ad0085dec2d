// One random network, compiled and run beside eager mode.
import { Draws } from './draws.mjs';
import { randomNetwork } from './random-network.mjs';

/** Of the largest value. What eager mode itself is off from float64 counts too, several times over. */
export const TOLERANCE = 1e-4;
const OF_EAGER = 30;

/** Tensors of a result by their paths. */
function flat(result, name = '') {
  if (typeof result?.numel === 'function') return [[name, result]];
  return Object.entries(result).flatMap(([key, item]) => flat(item, name === '' ? key : `${name}.${key}`));
}

const numbersOf = (tensor) => tensor.to('float64').contiguous().data();

/** The largest difference over the largest magnitude; infinite where NaN or infinity stand at other places. */
function errorOf(got, want) {
  let [most, largest] = [0, 1e-30];
  for (const [i, value] of want.entries()) {
    if (Object.is(value, got[i]) || value === got[i])
      largest = Number.isFinite(value) ? Math.max(largest, Math.abs(value)) : largest;
    else if (!Number.isFinite(value) || !Number.isFinite(got[i])) return Infinity;
    else [most, largest] = [Math.max(most, Math.abs(got[i] - value)), Math.max(largest, Math.abs(value))];
  }
  return most / largest;
}

function inDouble(torch, model, inputs) {
  model.to({ dtype: 'float64' });
  try {
    return flat(torch.noGrad(() => model.forward(...inputs.map((x) => x.to('float64')))));
  } catch {
    return undefined; // constants of the closures are float32
  } finally {
    model.to({ dtype: 'float32' });
  }
}

function difference(torch, { model }, inputs, result) {
  const eager = flat(torch.noGrad(() => model.forward(...inputs.map((x) => x.clone()))));
  const got = new Map(flat(result));
  for (const [index, [name, tensor]] of eager.entries()) {
    const found = got.get(name);
    if (found === undefined) return `no output "${name}", but ${[...got.keys()]}`;
    if (String(found.shape) !== String(tensor.shape))
      return `"${name}" is [${found.shape}], not [${tensor.shape}]`;
    const error = errorOf(numbersOf(found), numbersOf(tensor));
    if (error <= TOLERANCE) continue;
    const truth = inDouble(torch, model, inputs)?.[index]?.[1];
    const own = truth === undefined ? 0 : errorOf(numbersOf(tensor), numbersOf(truth));
    if (error > Math.max(TOLERANCE, OF_EAGER * own))
      return `"${name}" is off by ${error}; eager mode by ${own}`;
  }
  return undefined;
}

const isRefusal = (error) =>
  error?.name === 'CompileError' &&
  /^ERR_COMPILE_[A-Z_]+$/.test(error.code) &&
  /^Expected .* got /s.test(error.message);

async function run(torch, network, random) {
  const options = { threads: random.int(1, 9), microBatch: random.int(1, 3) };
  const unsupported = network.isEager ? 'eager' : 'error';
  const shapes = network.inputs.map((shape) => [1, ...shape]);
  let fast;
  try {
    fast = await torch.compile(network.model, { inputs: shapes, unsupported, ...options });
  } catch (error) {
    if (isRefusal(error)) return { refused: error.message };
    return { failure: `compile: ${error?.stack ?? error}` };
  }
  try {
    for (const batch of [1, 2, 3, random.int(4, 7)]) {
      const inputs = network.inputs.map((shape) => torch.randn([batch, ...shape]));
      const result = await fast.run(inputs.length === 1 ? inputs[0] : inputs);
      const different = difference(torch, network, inputs, result);
      if (different !== undefined) return { failure: `${batch} images: ${different}` };
    }
    return { failure: await takesAnotherSize(torch, fast, network) };
  } catch (error) {
    return { failure: `run: ${error?.stack ?? error}` };
  } finally {
    fast.dispose();
  }
}

/** A plan is for one size: images of another must be refused. */
async function takesAnotherSize(torch, fast, { inputs }) {
  const wider = inputs.map(([channels, height, width]) => torch.randn([2, channels, height, width + 1]));
  try {
    await fast.run(wider.length === 1 ? wider[0] : wider);
    return 'images of another size were taken';
  } catch (error) {
    return error.name === 'RangeError' ? undefined : `another size: ${error.stack}`;
  }
}

/** @returns `{}` where the compiled network equals eager mode, `{ refused }`, or `{ failure, text }`. */
export async function compareWithEager(torch, seed) {
  const network = randomNetwork(torch, seed);
  const outcome = await run(torch, network, new Draws(seed + 1));
  if (outcome.failure === undefined) return outcome;
  const head = `inputs ${JSON.stringify(network.inputs)}${network.isEager ? " for unsupported: 'eager'" : ''}`;
  return { ...outcome, text: `${head}\n${network.text}` };
}
