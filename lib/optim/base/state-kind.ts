import { camelCase } from './state.ts';

// Options that only some optimizers of PyTorch 2.13 have. Other keys of a group are its user's and are kept.
const HALLMARKS: Readonly<Record<string, string>> = {
  betas: "Adam's kind",
  amsgrad: "Adam's kind",
  eps: 'an adaptive kind',
  momentum_decay: 'NAdam',
  decoupled_weight_decay: "Adam's kind",
  rho: 'Adadelta',
  alpha: 'RMSprop or ASGD',
  centered: 'RMSprop',
  lr_decay: 'Adagrad',
  initial_accumulator_value: 'Adagrad',
  lambd: 'ASGD',
  t0: 'ASGD',
  etas: 'Rprop',
  step_sizes: 'Rprop',
  history_size: 'LBFGS',
  max_iter: 'LBFGS',
  beta2_decay: 'Adafactor',
  d: 'Adafactor',
  ns_steps: 'Muon',
  momentum: 'SGD, RMSprop or Muon',
  nesterov: 'SGD or Muon',
  dampening: 'SGD',
};

/** What a state dict is read into, as far as its kind goes. */
interface Kind {
  readonly name: string;
  /** Its options. */
  readonly options: readonly string[];
}

/** Refuses the options of another kind of optimizer; `keys` are those of a saved group. */
export function checkKind({ name, options }: Kind, keys: Iterable<string>): void {
  const saved = [...keys];
  for (const key of saved) {
    const owner = Object.hasOwn(HALLMARKS, key) ? HALLMARKS[key] : undefined;
    if (owner !== undefined && !options.includes(camelCase(key))) {
      throw anotherKind(name, `option "${key}", which ${owner} has`);
    }
  }
  if (!saved.includes('lr')) throw anotherKind(name, `options ${saved.join(', ')}`);
}

/** For a state that another kind of optimizer saved. */
export function anotherKind(name: string, got: string): RangeError {
  return new RangeError(
    `Expected the state of ${name} for ${name}.loadStateDict, got one with ${got}; load it into the kind of optimizer that saved it, or begin with a new state`,
  );
}
