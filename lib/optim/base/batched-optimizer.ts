import { full, keep, ops, scope, type Tensor, zeros } from '../../tensor/index.ts';
import { Batch, type State } from './batch.ts';
import { Optimizer } from './optimizer.ts';
import { checkAgainst, type OptionTable, optionsOf } from './option-table.ts';
import type { ParamGroup, ParamsInput } from './params.ts';

/**
 * Base of PyTorch's optimizers: options from a table, and one call of `update` for all parameters of a group that have
 * one device and dtype.
 */
export abstract class BatchedOptimizer<Options extends { lr: number }> extends Optimizer<Options> {
  constructor(owner: string, params: ParamsInput<Options>, options: object, table: OptionTable<Options>) {
    super(params, optionsOf(owner, options, table) as Options);
  }

  /** The table that the constructor was given; a getter, since the base's constructor reads it. */
  protected abstract get table(): OptionTable<Options>;

  /** What `state` holds for a parameter before its first step. */
  protected abstract initialState(param: Tensor, group: ParamGroup<Options>): State;

  /** One step of a batch, in place. */
  protected abstract update(batch: Batch, group: ParamGroup<Options>): void;

  protected checkGroup(group: Options): void {
    checkAgainst(this.constructor.name, group, this.table);
  }

  protected stepGroup(group: ParamGroup<Options>): void {
    const batches = new Map<string, Batch>();
    for (const param of group.params) {
      const { grad } = param;
      if (grad === null) continue;
      if (grad.layout !== 'strided') this.updateSparse(param, grad, group);
      else if (this.goesAlone(param, group)) this.updateAlone(param, grad, group);
      else this.#addToBatch(batches, param, grad, group);
    }
    for (const batch of batches.values()) scope(() => this.update(batch, group));
  }

  #addToBatch(batches: Map<string, Batch>, param: Tensor, grad: Tensor, group: ParamGroup<Options>): void {
    const kind = this.kindOf(param, group);
    const key = `${param.device} ${param.dtype} ${kind}`;
    let batch = batches.get(key);
    if (batch === undefined) {
      batch = new Batch(this.constructor.name, kind);
      batches.set(key, batch);
    }
    batch.add(param, grad, this.stateOf(param, group));
  }

  /** What batches are told apart by, besides device and dtype. */
  protected kindOf(_param: Tensor, _group: ParamGroup<Options>): string {
    return '';
  }

  /** Whether a parameter with a dense gradient is updated by itself. */
  protected goesAlone(_param: Tensor, _group: ParamGroup<Options>): boolean {
    return false;
  }

  /** One step of a parameter that goes alone. */
  protected updateAlone(_param: Tensor, _grad: Tensor, _group: ParamGroup<Options>): void {}

  /** One step of a parameter with a sparse gradient. */
  protected updateSparse(param: Tensor, _grad: Tensor, _group: ParamGroup<Options>): void {
    const name = this.constructor.name;
    throw new RangeError(
      `Expected a dense gradient for ${name}, got a sparse one of shape [${param.shape.join(', ')}]; SGD, Adagrad and SparseAdam take sparse ones`,
    );
  }

  /** The state of a parameter, made at its first step. */
  protected stateOf(param: Tensor, group: ParamGroup<Options>): State {
    let state = this.state.get(param);
    if (state === undefined) {
      state = this.initialState(param, group);
      this.state.set(param, state);
    }
    return state;
  }
}

/** A step counter that has not counted yet. */
export const newStep = (device: string = 'cpu'): Tensor => keep(zeros([], { dtype: 'float32', device }));

/** A number that a rule carries from step to step. */
export const newNumber = (value: number, device: string = 'cpu'): Tensor =>
  keep(full([], value, { dtype: 'float32', device }));

/** Zeros in the parameter's shape, dtype and memory layout. */
export const zerosLike = (param: Tensor): Tensor => keep(ops.aten.zeros_like(param));
