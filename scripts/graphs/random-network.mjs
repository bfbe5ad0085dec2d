// Random networks out of what compile() takes, and some of what it does not: layers and ops are drawn one after the other
// and kept where eager mode runs them. The same seed makes the same network.
import { Draws } from './draws.mjs';
import { LAYERS, STEPS } from './steps/index.mjs';

const isMap = (value) => value.shape.length === 4;

/** Values that the forward has made so far, the youngest drawn most often. */
class Pool {
  constructor(random, values) {
    this.random = random;
    this.values = values;
  }

  /** Index of a value that fits, or undefined. */
  pick(fits) {
    const found = this.values.flatMap((value, i) => (fits(value) ? [i] : []));
    if (found.length === 0) return undefined;
    return this.random.chance(0.6) ? found.at(-1) : this.random.pick(found);
  }

  map = () => this.pick(isMap);
  tokens = () => this.pick((value) => value.shape.length === 3 && value.dtype === 'float32');
  vector = () => this.pick((value) => value.shape.length === 2);
  any = () => this.pick((value) => value.shape.length === 2 || isMap(value));
  like = (index) => this.pick((value) => String(value.shape) === String(this.values[index].shape));
  beside = (index) => {
    const [, , height, width] = this.values[index].shape;
    return this.pick((value) => isMap(value) && value.shape[2] === height && value.shape[3] === width);
  };
}

function randomInputs(random) {
  const size = () => random.pick([1, 2, 3, 5, 7, 8, 9, 12, 14, 17]);
  const first = [random.pick([1, 2, 3, 3, 4, 8, 16]), size(), size()];
  return random.chance(0.12)
    ? [first, random.chance(0.5) ? first : [random.int(1, 5), size(), size()]]
    : [first];
}

/** One more step: its closure, its text and the values it makes of those of an example. */
function draw(torch, random, pool, layers) {
  const [kind, make] = random.pick(random.chance(0.45) ? LAYERS : STEPS);
  try {
    const step = make({ torch, random, pool, layers });
    if (step === undefined) return undefined;
    const { from, run, text } = step;
    const made = [torch.noGrad(() => run(...from.map((i) => pool.values[i])))].flat();
    const fits = made.every((value) => value.numel() < 60_000 && value.shape[0] === pool.values[0].shape[0]);
    return fits ? { from, run, made, text: `${text ?? kind}(${from.join(', ')})` } : undefined;
  } catch {
    return undefined; // eager mode does not take it
  }
}

/** Names of `count` outputs, as a tensor, a list, an object or a nest of both. */
function arrange(random, outputs) {
  if (outputs.length === 1 && random.chance(0.7)) return ([value]) => value;
  if (random.chance(0.4)) return (values) => values;
  if (random.chance(0.5)) return (values) => Object.fromEntries(values.map((value, i) => [`o${i}`, value]));
  return ([first, ...rest]) => ({
    deep: [first, { rest: rest[0] ?? first }],
    more: rest.slice(1).concat(first),
  });
}

function chooseOutputs(random, pool, inputs) {
  const isFloat = (value) => value.dtype === 'float32';
  const made = pool.values.flatMap((value, i) => (i >= inputs && isFloat(value) ? [i] : []));
  if (made.length === 0) return [0];
  const more = Array.from({ length: random.pick([0, 0, 0, 1, 2]) }, () => random.pick(made));
  return [...new Set([made.at(-1), ...more])];
}

/** Parameters and statistics that are not their start. */
function settle(torch, model) {
  const { BatchNorm1d, BatchNorm2d, InstanceNorm2d } = torch.nn;
  torch.noGrad(() => {
    for (const module of model.modules()) {
      if (![BatchNorm1d, BatchNorm2d, InstanceNorm2d].some((kind) => module instanceof kind)) continue;
      module.weight?.uniform_(0.5, 1.5);
      module.bias?.uniform_(-0.5, 0.5);
      module.running_mean?.normal_(0, 0.2);
      module.running_var?.uniform_(0.5, 2);
    }
  });
}

/**
 * @returns `{ model, inputs, text, isEager }`: the network in evaluation mode, shapes of its inputs without the batch, its
 *   steps in words, and whether it should be compiled with `unsupported: 'eager'`.
 */
export function randomNetwork(torch, seed) {
  const random = new Draws(seed);
  torch.manualSeed(seed);
  const inputs = randomInputs(random);
  const pool = new Pool(
    random,
    inputs.map((shape) => torch.randn([2, ...shape])),
  );
  const [layers, steps] = [[], []];
  const count = random.int(2, 14);
  for (let tries = 0; steps.length < count && tries < 60; tries++) {
    const before = layers.length;
    const step = draw(torch, random, pool, layers);
    if (step === undefined) layers.length = before;
    else {
      pool.values.push(...step.made);
      steps.push(step);
    }
  }
  const outputs = chooseOutputs(random, pool, inputs.length);
  const arranged = arrange(random, outputs);
  class Network extends torch.nn.Module {
    constructor() {
      super();
      this.layers = new torch.nn.ModuleList(layers);
    }

    forward(...given) {
      const values = [...given];
      for (const { from, run } of steps) values.push(...[run(...from.map((i) => values[i]))].flat());
      return arranged(outputs.map((i) => values[i]));
    }
  }
  const model = new Network().eval();
  settle(torch, model);
  const text = [...steps.map((step) => step.text), `outputs ${outputs.join(', ')}`].join('\n');
  return { model, inputs, text, isEager: random.chance(0.5) };
}
