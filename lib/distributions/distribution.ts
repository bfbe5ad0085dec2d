import { checkFlag, checkOptions, checkPositions, describeValue } from '../options.ts';
import { checkTensor } from '../tensor/check-tensor.ts';
import { isTensor, noGrad, ops, type Tensor, tensor } from '../tensor/index.ts';

/** Options of every distribution. */
export interface DistributionOptions {
  /** Refuse parameters outside their range and values outside the support. Default true. */
  validateArgs?: boolean;
}

/** A demand on a tensor: what it says in an error, and the test, element by element. */
export type Constraint = readonly [text: string, isMet: (x: Tensor) => Tensor];

export const POSITIVE: Constraint = ['greater than 0', (x) => x.gt(0)];
export const REAL: Constraint = ['real numbers', (x) => x.eq(x)];
export const UNIT_INTERVAL: Constraint = ['from 0 to 1', (x) => x.ge(0).logicalAnd(x.le(1))];
export const BOOLEAN: Constraint = ['0 or 1', (x) => x.eq(0).logicalOr(x.eq(1))];
export const SIMPLEX: Constraint = [
  'from 0 to 1 with a sum of 1 along the last dimension',
  (x) =>
    x
      .ge(0)
      .all(-1)
      .logicalAnd(x.sum([-1]).sub(1).abs().lt(1e-6)),
];

/**
 * A probability distribution, as torch.distributions (PyTorch 2.13): a batch of independent ones, of shape `batchShape`,
 * whose events have shape `eventShape`. Draws are Python's under the same seed.
 */
export abstract class Distribution {
  readonly batchShape: readonly number[];
  readonly eventShape: readonly number[];
  protected readonly validates: boolean;

  constructor(
    batchShape: readonly number[],
    eventShape: readonly number[],
    options: DistributionOptions = {},
  ) {
    checkOptions(this.constructor.name, options, ['validateArgs']);
    checkFlag(`${this.constructor.name} validateArgs`, options.validateArgs ?? true);
    this.batchShape = batchShape;
    this.eventShape = eventShape;
    this.validates = options.validateArgs ?? true;
  }

  abstract get mean(): Tensor;
  /** The most probable event. */
  abstract get mode(): Tensor;
  abstract get variance(): Tensor;
  get stddev(): Tensor {
    return this.variance.sqrt();
  }

  /** What it was made of, by torch's names, for `toString()`. */
  protected get parameters(): Readonly<Record<string, Tensor>> {
    return {};
  }

  /** As Python prints it: `Normal(loc: 0.0, scale: 1.0)`, the shapes of parameters of several elements. */
  toString(): string {
    const parts = Object.entries(this.parameters).map(([name, value]) => `${name}: ${printed(value)}`);
    return `${this.constructor.name}(${parts.join(', ')})`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  /** Draws of shape (`sampleShape`, `batchShape`, `eventShape`), through which no gradient flows. */
  sample(sampleShape: readonly number[] = []): Tensor {
    checkPositions(`${this.constructor.name}.sample`, arguments, 1);
    return noGrad(() => this.draw(this.extended(sampleShape)));
  }

  /** Draws through which gradients flow to the parameters; an error where there is no such way. */
  rsample(_sampleShape: readonly number[] = []): Tensor {
    throw new TypeError(
      `Expected a distribution with reparametrised draws for rsample, got ${this.constructor.name}: use sample()`,
    );
  }

  /** Logarithm of the density or probability at `value`: of the shape of `value` and `batchShape`, without events. */
  abstract logProb(value: Tensor): Tensor;
  /** Entropy, of shape `batchShape`. */
  abstract entropy(): Tensor;
  protected abstract draw(shape: number[]): Tensor;

  protected extended(sampleShape: readonly number[]): number[] {
    if (!Array.isArray(sampleShape) || sampleShape.some((size) => !Number.isInteger(size) || size < 0))
      throw new TypeError(
        `Expected sizes in an array for the sample's shape, got ${JSON.stringify(sampleShape)}`,
      );
    return [...sampleShape, ...this.batchShape, ...this.eventShape];
  }

  /** @throws RangeError where a parameter is outside its range. */
  protected checkParameter(name: string, value: Tensor, constraint: Constraint): void {
    if (this.validates) demand(`${this.constructor.name}'s ${name}`, value, constraint);
  }

  /** @throws RangeError where `value` is outside the support. */
  protected checkValue(value: Tensor, constraint: Constraint, method = 'logProb'): void {
    checkTensor(`${this.constructor.name}.${method}`, 'value', value);
    if (!this.validates) return;
    this.checkShape(value, method);
    demand(`the value for ${method} of ${this.constructor.name}`, value, constraint);
  }

  /** Events of this shape, of a batch that fits this one. */
  private checkShape({ shape }: Tensor, method: string): void {
    const expected = [...this.batchShape, ...this.eventShape];
    const isEvent = `${shape.slice(shape.length - this.eventShape.length)}` === `${this.eventShape}`;
    const fits = (size: number, i: number): boolean => {
      const other = expected[expected.length - shape.length + i] ?? 1;
      return size === other || size === 1 || other === 1;
    };
    if (shape.length >= this.eventShape.length && isEvent && shape.every(fits)) return;
    throw new RangeError(
      `Expected a value of shape [${expected}] for ${this.constructor.name}.${method}, or one that broadcasts with it, ` +
        `got [${shape}]`,
    );
  }
}

function demand(what: string, value: Tensor, [text, isMet]: Constraint): void {
  const met = noGrad(() => isMet(value).all().item<boolean>());
  if (!met) throw new RangeError(`Expected ${what} to be ${text}, got ${value}`);
}

function printed(value: Tensor): string {
  if (value.numel() !== 1) return `torch.Size([${value.shape.join(', ')}])`;
  if (value.dim() > 0) return `${value}`;
  const number = value.item();
  return Number.isInteger(number) ? number.toFixed(1) : String(number);
}

/** A tensor, or a number for one. */
export function checkParameterKind(owner: string, name: string, value: unknown): void {
  if (isTensor(value) || (typeof value === 'number' && !Number.isNaN(value))) return;
  throw new TypeError(`Expected a Tensor or a number for ${owner} ${name}, got ${describeValue(value)}`);
}

/** Numbers and tensors as tensors of one shape; numbers take the dtype of a tensor beside them. */
export function broadcastAll(owner: string, parameters: Record<string, Tensor | number>): Tensor[] {
  for (const [name, value] of Object.entries(parameters)) checkParameterKind(owner, name, value);
  const values = Object.values(parameters);
  const like = values.find((value) => typeof value !== 'number') as Tensor | undefined;
  const tensors = values.map((value) =>
    typeof value === 'number' ? tensor(value, like ? { dtype: like.dtype, device: like.device } : {}) : value,
  );
  return ops.aten.broadcast_tensors(tensors);
}
