import { unwrap } from '../../ops/index.ts';
import { checkFlag, checkOptions, checkPositions } from '../../options.ts';
import { keep, Tensor } from '../../tensor/index.ts';

/**
 * A tensor that belongs to a module and is trained; assigning one to a module's property registers it. It shares
 * memory with `data`, is a leaf of autograd's graph, and outlives the scope it is made in.
 *
 * @example
 * this.scale = new nn.Parameter(ones([64]));
 */
export class Parameter extends Tensor {
  /** @param options `requiresGrad`, default true. */
  constructor(data: Tensor, options: { requiresGrad?: boolean } = {}) {
    checkPositions('Parameter', arguments, 2);
    if (!(data instanceof Tensor)) throw new TypeError(`Expected a Tensor for Parameter, got ${typeof data}`);
    checkOptions('Parameter', options, ['requiresGrad']);
    const { requiresGrad = true } = options;
    checkFlag('Parameter requiresGrad', requiresGrad);
    super(unwrap(keep(data.detach())));
    keep(this);
    this.requiresGrad_(requiresGrad);
  }

  /** As Python prints it. */
  override toString(): string {
    return `Parameter containing:\n${super.toString()}`;
  }
}

/** Whether `value` is a parameter. */
export function isParameter(value: unknown): value is Parameter {
  return value instanceof Parameter;
}
